"""What is forgotten, and what never is."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, delete, insert, select, text

from alertlife.databases import postgres_server, url
from alertlife.story import Story
from budget import scaled
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.database import Database, tables
from lapbell_evaluator.database.retention import Place, Round, forget
from lapbell_evaluator.model import (
    NOBODY,
    AuditEntry,
    Change,
    HistoryQuery,
    IncidentTrace,
    Reason,
    State,
    Trace,
    TraceRole,
    everyone,
)
from trace_kit import span

__all__ = ["postgres_server", "url"]  # fixtures

DAY_S = 86_400.0
NOW, KEEP_S, HORIZON, STEP_ROWS = 1_000.0, 400.0, 600.0, 3
OVER = (State.RESOLVED, State.INACTIVE)
FORGETFUL = (tables.transitions, tables.outbox, tables.incidents, tables.audit, tables.quarantine)
COUNTED = ("transitions", "incidents", "audit", "quarantine")


@dataclass(frozen=True)
class Told:
    """A move of an incident at Unix seconds, and what became of its notices."""

    at: float
    notices: tuple[str, ...]


@dataclass(frozen=True)
class Episode:
    """An incident with its moves; `is_lost` if its row is."""

    key: str
    state: State
    ended_at: float
    moves: tuple[Told, ...]
    is_lost: bool

    def is_old(self) -> bool:
        is_over = self.is_lost or (self.state in OVER and self.ended_at < HORIZON)
        return is_over and not any("waiting" in told.notices for told in self.moves)


@dataclass(frozen=True)
class Book:
    """What a database holds."""

    episodes: tuple[Episode, ...]
    audit: tuple[float, ...]
    quarantine: tuple[float, ...]

    def moves(self) -> list[tuple[str, Episode, Told]]:
        """In the order of writing, by their ids."""
        every = [
            (f"{number}/{count}", episode, told)
            for number, episode in enumerate(self.episodes)
            for count, told in enumerate(episode.moves)
        ]
        return sorted(every, key=lambda each: each[2].at)

    def write(self, connection: Connection) -> None:
        for number, episode in enumerate(self.episodes):
            is_over = episode.state in OVER
            row = {
                "id": str(number),
                "key": episode.key,
                "state": episode.state,
                "severity": "critical",
                "payload": b"",
            }
            times = {"opened_at": 0.0, "resolved_at": episode.ended_at if is_over else None}
            if not episode.is_lost:
                connection.execute(insert(tables.incidents).values(**row, **times))
        for name, episode, told in self.moves():
            of = {"incident_id": name.partition("/")[0], "incident_key": episode.key}
            what = {"state": episode.state, "reason": Reason.BREACHED, "actor": "", "payload": b""}
            connection.execute(insert(tables.transitions).values(id=name, at=told.at, **of, **what))
            for number, fate in enumerate(told.notices):
                marked = {} if fate == "waiting" else {fate: told.at}
                notice = {"transition_id": name, "receiver": str(number), "attempts": 0}
                connection.execute(insert(tables.outbox).values(**notice, **marked))
        for at in self.audit:
            who = {"actor": "ann", "action": "resolve", "target": "x", "reason": "y"}
            connection.execute(insert(tables.audit).values(at=at, **who))
        for at in self.quarantine:
            connection.execute(insert(tables.quarantine).values(at=at, source="alerts", row_key="x", reason="y"))

    def kept(self) -> dict[str, Sequence[object]]:
        """The oracle: what is there when a round is over."""
        moves = [(name, told) for name, episode, told in self.moves() if told.at >= HORIZON or not episode.is_old()]
        moved = {name.partition("/")[0] for name, _ in moves}
        incidents = {
            str(number)
            for number, episode in enumerate(self.episodes)
            if not episode.is_lost and (not episode.is_old() or str(number) in moved)
        }
        return {
            "transitions": sorted(name for name, _ in moves),
            "outbox": sorted((name, str(number)) for name, told in moves for number in range(len(told.notices))),
            "incidents": sorted(incidents),
            "audit": sorted(at for at in self.audit if at >= HORIZON),
            "quarantine": sorted(at for at in self.quarantine if at >= HORIZON),
        }


def held(connection: Connection) -> dict[str, Sequence[object]]:
    notices = connection.execute(select(tables.outbox.c.transition_id, tables.outbox.c.receiver))
    return {
        "transitions": sorted(connection.execute(select(tables.transitions.c.id)).scalars()),
        "outbox": sorted((row.transition_id, row.receiver) for row in notices),
        "incidents": sorted(connection.execute(select(tables.incidents.c.id)).scalars()),
        "audit": sorted(connection.execute(select(tables.audit.c.at)).scalars()),
        "quarantine": sorted(connection.execute(select(tables.quarantine.c.at)).scalars()),
    }


def books() -> st.SearchStrategy[Book]:
    times = st.integers(580, 620).map(float)

    def episode(ended_at: float) -> st.SearchStrategy[Episode]:
        before = st.integers(560, int(ended_at)).map(float)
        fates = st.sampled_from(("delivered_at", "delivered_at", "refused_at", "dropped_at", "waiting"))
        moves = st.builds(Told, before, st.lists(fates, max_size=2).map(tuple))
        return st.builds(
            Episode,
            st.sampled_from(("one", "two")),
            st.sampled_from((*OVER, *OVER, *State)),
            st.just(ended_at),
            st.lists(moves, max_size=4).map(tuple),
            st.sampled_from((False, False, False, True)),
        )

    many = st.lists(times, max_size=8).map(tuple)
    return st.builds(Book, st.lists(times.flatmap(episode), max_size=8).map(tuple), many, many)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = create_engine(url)
    tables.metadata.create_all(made)
    yield made
    made.dispose()


@given(book=books())
@settings(max_examples=scaled(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_round_forgets_what_was_over_for_long_and_nothing_else_a_few_rows_in_each_step(engine, book):
    place: Place | None = Place()
    most = 0
    with engine.begin() as connection:
        for table in FORGETFUL:
            connection.execute(delete(table))
        book.write(connection)
        before = held(connection)
        while place is not None:
            place = forget(connection, Round(NOW, KEEP_S, STEP_ROWS), place)
            after = held(connection)
            most = max(most, *(len(before[name]) - len(after[name]) for name in COUNTED))
            before = after
    assert before == book.kept()
    assert most <= STEP_ROWS


async def test_an_incident_is_kept_for_400_days_after_its_end_with_what_became_of_its_messages(url):
    story = Story()
    database = await Database.open(url, 0.0)
    for at, condition in ((0, Condition.MET), (DAY_S, Condition.CLEARED)):
        story.see(at, condition)
        await database.commit(story.changes[-1], everyone("one"))
    await database.delivered([notice.id for notice in await database.pending("one", 10)], DAY_S + 1)
    kept = {}
    for days in (400, 402):
        await database.tidy(days * DAY_S)
        resolved = await database.resolved()
        views = await database.deliveries(resolved)
        moves = (await database.history(HistoryQuery())).items
        kept[days] = {"incidents": len(resolved), "moves": len(moves), "notices": sum(map(len, views.values()))}
    await database.close()
    assert kept == {
        400: {"incidents": 1, "moves": 2, "notices": 2},
        402: {"incidents": 0, "moves": 0, "notices": 0},
    }


async def test_the_traces_of_an_incident_are_kept_as_long_as_it_and_go_with_it(url):
    story, fires = Story(), Story()
    database = await Database.open(url, 0.0)
    for at, condition in ((0, Condition.MET), (DAY_S, Condition.CLEARED)):
        story.see(at, condition)
        await database.commit(story.changes[-1], NOBODY)
    fires.see(5, Condition.MET)
    await database.commit(fires.changes[-1], NOBODY)
    over, going = (one.told[0].incident.id for one in (story, fires))
    for number, incident in enumerate((over, going, "lost", *[over] * 300)):
        trace = Trace(f"{number:032x}", (span("x", 0, 1),))
        kept = [IncidentTrace(incident, TraceRole.EXAMPLE, DAY_S, trace)]
        await database.traces.put(incident, kept, [f"{other:032x}" for other in range(number)])
    left = {}
    for days in (400, 402):
        await database.tidy(days * DAY_S)
        left[days] = [len(await database.traces.of_incident(incident)) for incident in (over, going, "lost")]
    await database.close()
    assert left == {400: [301, 1, 1], 402: [0, 1, 0]}


async def test_what_is_not_over_and_what_somebody_has_yet_to_hear_of_is_never_forgotten(url):
    fires, ended = Story(), Story()
    database = await Database.open(url, 0.0)
    fires.see(0, Condition.MET)
    await database.commit(fires.changes[-1], everyone("one"))
    for at, condition in ((5, Condition.MET), (10, Condition.CLEARED)):
        ended.see(at, condition)
        await database.commit(ended.changes[-1], everyone("one", "two"))
    kept = {}
    for told in ("one", "two"):
        await database.delivered([notice.id for notice in await database.pending(told, 10)], 11)
        await database.tidy(4_000 * DAY_S)
        kept[told] = {move.id for move in (await database.history(HistoryQuery())).items}
    await database.close()
    open_moves, ended_moves = ({move.id for move in story.told} for story in (fires, ended))
    assert kept == {"one": open_moves | ended_moves, "two": open_moves}


async def test_a_change_is_written_between_two_steps_of_a_long_round(tmp_path):
    """Ten thousand rows are fifty steps; a change that comes after the first has begun waits for no other."""
    database = await Database.open(f"sqlite:///{tmp_path}/alerts.db", 0.0)
    audit = tuple(AuditEntry(0.0, "ann", "resolve", str(number), "y") for number in range(10_000))
    await database.commit(Change(audit=audit), NOBODY)
    story = Story()
    story.see(0, Condition.MET)
    tidying = asyncio.ensure_future(database.tidy(500 * DAY_S))
    await asyncio.sleep(0)
    await database.commit(story.changes[-1], everyone("one"))
    was_over = tidying.done()
    await tidying
    after = len((await database.audit()).items)
    await database.close()
    assert {"was over": was_over, "after": after} == {"was over": False, "after": 0}


async def test_how_long_is_what_the_setting_says(url):
    database = await Database.open(url, 0.0, keep_s=7 * DAY_S)
    await database.commit(Change(audit=(AuditEntry(0.0, "ann", "resolve", "x", "y"),)), NOBODY)
    left = []
    for days in (6, 8):
        await database.tidy(days * DAY_S)
        left.append(len((await database.audit()).items))
    await database.close()
    assert left == [1, 0]


def test_a_round_goes_on_after_moves_that_a_wrong_clock_dated_ahead(engine):
    late = Episode("one", State.RESOLVED, HORIZON - 1, (Told(HORIZON - 2, ()),), is_lost=False)
    with engine.begin() as connection:
        Book((late,), (), ()).write(connection)
        connection.execute(text("UPDATE transitions SET seq = 5"))
        ahead = {"incident_id": "x", "incident_key": "x", "state": "firing", "reason": "breached", "actor": ""}
        row = {"seq": 1, "id": "x", "at": NOW + 1e9, "payload": b"", **ahead}
        connection.execute(insert(tables.transitions).values(row))
        place: Place | None = Place()
        while place is not None:
            place = forget(connection, Round(NOW, KEEP_S, STEP_ROWS), place)
        assert held(connection)["transitions"] == ["x"]
