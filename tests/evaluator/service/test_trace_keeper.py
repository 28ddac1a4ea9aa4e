"""The traces of an incident are written beside it, and whatever becomes of them the alert is told."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy

from alertlife.databases import postgres_server, url
from alertlife.timeline import Timeline, timeline
from lapbell import semconv
from lapbell_evaluator.evidence import SERVER, EvidenceCollector, RecentTraces
from lapbell_evaluator.model import Evidence, Span, State, TraceRole
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import ExemplarRing, SeriesStore
from lapbell_evaluator.service import TraceKeeper, TraceLibrary
from trace_kit import span

__all__ = ["postgres_server", "url"]  # fixtures

SLOW = """
groups:
- name: slow
  rules:
  - alert: Slow
    expr: slow > 1
    labels: {severity: warning, category: webhook}
    annotations: {lapbell_on_no_data: keep}
"""
FIRES_AT = 600
NORMAL = range(100, 107)


@dataclass
class Room:
    line: Timeline
    traces: RecentTraces
    keeper: TraceKeeper
    library: TraceLibrary

    async def at(self, moment: float, value: float | None = None) -> None:
        """The value of the series that breaches above 1, if one is measured, and what is done then."""
        if value is not None:
            self.line.push(moment, "slow", value, job="shop", http_route="/w")
        await self.line.at(moment)
        await self.keeper.tick()

    async def kept(self) -> list[tuple[str, int]]:
        """What every incident keeps: role and number of each trace, the normal one first."""
        ids = {move.incident.id for move in self.line.told}
        return [
            (role.value, int(trace, 16)) for id_ in sorted(ids) for trace, role in await self.library.of_incident(id_)
        ]

    def counted(self) -> dict[str, float]:
        return {reading.name.rpartition(".")[2]: reading.value for reading in self.keeper.readings()}


def trace_id(number: int) -> str:
    return f"{number:032x}"


def webhook(number: int, *, ends: float, took: float = 0.1) -> list[Span]:
    """A request of trace `number` with one phase, which ended at Unix seconds."""
    end_ms, start_ms = round(ends * 1000), round((ends - took) * 1000)
    return [
        span("webhook.validation", start_ms, end_ms - 10, id_=2, parent=1, trace=trace_id(number)),
        span("POST", start_ms, end_ms, id_=1, kind=SERVER, trace=trace_id(number), http__route="/w"),
    ]


@asynccontextmanager
async def room(
    folder: Path, url: str | None = None, *, start: float = 0.0, reopen_within_s: float = 0.0
) -> AsyncIterator[Room]:
    store = SeriesStore()
    engine, traces = Engine(store), RecentTraces()
    collector = EvidenceCollector(engine, traces, ExemplarRing())
    async with timeline(
        folder, SLOW, store=store, evidence_collector=collector, url=url, start=start, reopen_within_s=reopen_within_s
    ) as line:
        keeper = TraceKeeper(line.alerts, traces, line.database.traces, line.clock)
        line.rooms.committer.subscribe(keeper.moved)
        yield Room(line, traces, keeper, TraceLibrary(traces, line.database.traces))
    engine.close()


async def usual_then_slow(here: Room) -> None:
    """Seven webhooks of 96 to 102 ms, then two slow ones, and the alert about them."""
    for number in NORMAL:
        here.traces.add(webhook(number, ends=number, took=number / 1000 - 0.004))
    here.traces.add([*webhook(1, ends=FIRES_AT - 5, took=2.0), *webhook(2, ends=FIRES_AT - 4, took=3.0)])
    await here.at(FIRES_AT, 5.0)


async def test_the_worst_traces_and_one_of_how_it_was_are_there_when_memory_has_forgotten(tmp_path, url):
    async with room(tmp_path, url) as here:
        await usual_then_slow(here)
        kept = await here.kept()
        view = await TraceLibrary(RecentTraces(), here.line.database.traces).trace(trace_id(2))
        whole = set(webhook(2, ends=FIRES_AT - 4, took=3.0))
    assert kept == [("normal", 103), ("example", 2), ("example", 1)]
    assert view is not None
    assert set(view.trace.spans) == whole
    assert view.is_recent is False
    assert [role for _, role in view.kept_with] == [TraceRole.EXAMPLE]


async def test_an_incident_without_a_past_has_no_normal_trace(tmp_path):
    async with room(tmp_path) as here:
        here.traces.add(webhook(1, ends=FIRES_AT - 5, took=2.0))
        await here.at(FIRES_AT, 5.0)
        assert await here.kept() == [("example", 1)]


async def test_spans_that_come_later_and_worse_traces_are_added_and_what_a_message_named_stays(tmp_path):
    async with room(tmp_path) as here:
        await usual_then_slow(here)
        late = span("late", 596_000, 596_500, id_=9, parent=1, trace=trace_id(2))
        here.traces.add([late])
        for number in range(3, 9):
            here.traces.add(webhook(number, ends=FIRES_AT + number, took=5.0 + number))
        await here.at(FIRES_AT + 15, 5.0)
        kept = await here.kept()
        view = await TraceLibrary(RecentTraces(), here.line.database.traces).trace(trace_id(2))
    assert kept == [("normal", 103), *(("example", number) for number in (8, 7, 6, 5, 2, 1))]
    assert view is not None
    assert late in view.trace.spans


async def test_what_the_evidence_named_for_a_while_stays_for_a_message_sent_meanwhile_links_to_it(tmp_path):
    async with room(tmp_path) as here:
        await usual_then_slow(here)
        for at, numbers in ((FIRES_AT + 5, range(3, 6)), (FIRES_AT + 10, range(6, 12))):
            for number in numbers:
                here.traces.add(webhook(number, ends=at, took=5.0 + number))
            await here.at(at, 5.0)
        kept = await here.kept()
    assert {number for role, number in kept if role == "example"} >= {1, 2, 3, 4, 5, 9, 10, 11}


async def test_after_the_first_minute_nothing_is_looked_for(tmp_path):
    async with room(tmp_path) as here:
        await usual_then_slow(here)
        await here.at(FIRES_AT + 70, 5.0)
        here.traces.add([span("late", 596_000, 596_500, id_=9, parent=1, trace=trace_id(2))])
        await here.at(FIRES_AT + 80, 5.0)
        view = await TraceLibrary(RecentTraces(), here.line.database.traces).trace(trace_id(2))
        counted = here.counted()
    assert view is not None
    assert len(view.trace.spans) == 2
    assert counted == {"kept": 3, "lost": 0}


async def test_where_traces_cannot_be_written_the_alert_is_told_and_the_loss_counted(tmp_path):
    async with room(tmp_path) as here:
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/alerts.db")
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER full BEFORE INSERT ON traces BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
        engine.dispose()
        await usual_then_slow(here)
        for moment in range(FIRES_AT + 5, FIRES_AT + 140, 5):
            await here.at(moment, 5.0)
        told = [(move.state, move.at) for move in here.line.told]
        trouble = here.line.database.trouble
        counted = here.counted()
    assert told == [(State.FIRING, FIRES_AT)]
    assert trouble == ""
    assert counted == {"kept": 0, "lost": 3}


async def test_a_disk_that_has_room_again_within_the_minute_loses_nothing(tmp_path):
    async with room(tmp_path) as here:
        engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/alerts.db")
        for moment, statement in (
            (None, "CREATE TRIGGER full BEFORE INSERT ON traces BEGIN SELECT RAISE(ABORT, 'full'); END"),
            (FIRES_AT + 30, "DROP TRIGGER full"),
        ):
            with engine.begin() as connection:
                connection.exec_driver_sql(statement)
            await (usual_then_slow(here) if moment is None else here.at(moment, 5.0))
        engine.dispose()
        kept, counted = await here.kept(), here.counted()
    assert kept == [("normal", 103), ("example", 2), ("example", 1)]
    assert counted == {"kept": 3, "lost": 0}


async def test_an_incident_that_returns_keeps_what_was_normal_and_its_earlier_traces(tmp_path):
    async with room(tmp_path, reopen_within_s=600) as here:
        await usual_then_slow(here)
        await here.at(FIRES_AT + 100, 0.5)
        here.traces.add(webhook(7, ends=FIRES_AT + 300, took=4.0))
        await here.at(FIRES_AT + 301, 5.0)
        kept = await here.kept()
    assert sorted(kept) == [("example", 1), ("example", 2), ("example", 7), ("normal", 103)]


async def test_a_life_after_a_kill_adds_to_what_the_one_before_kept(tmp_path):
    async with room(tmp_path) as here:
        await usual_then_slow(here)
    async with room(tmp_path, start=FIRES_AT + 10) as here:
        incident = next(iter(here.line.alerts.incidents.values()))
        kept = await here.library.of_incident(incident.id)
        view = await here.library.trace(trace_id(1))
    assert [int(each, 16) for each, _ in kept] == [103, 2, 1]
    assert view is not None
    assert view.is_recent is False


@pytest.mark.parametrize("many", [250])
async def test_of_a_storm_the_first_incidents_are_looked_after_and_the_others_counted(tmp_path, many):
    async with room(tmp_path) as here:
        await usual_then_slow(here)
        fired = here.line.told[-1]
        evidence = Evidence(trace_ids=(trace_id(1),))
        for number in range(many):
            incident = replace(fired.incident, id=f"storm-{number}", key=f"{number:016x}", evidence=evidence)
            here.keeper.moved(replace(fired, incident=incident))
        await here.keeper.tick()
        counted = here.counted()
    assert counted["lost"] == many - 199


async def test_each_metric_of_the_keeper_is_named_once(tmp_path):
    async with room(tmp_path) as here:
        names = [reading.name for reading in here.keeper.readings()]
    assert names == [semconv.LAPBELL_TRACES_KEPT, semconv.LAPBELL_TRACES_LOST]
