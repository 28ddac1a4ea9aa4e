"""While the database takes nothing, what is written waits in memory, is told from there, and is written once later."""

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from alertlife.story import Story
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.database import Database, DatabaseError
from lapbell_evaluator.model import Change, HistoryQuery, everyone
from peers.cut import cut
from peers.postgres import postgres


@dataclass(frozen=True, slots=True)
class Kept:
    """What is in a database of an outbox: by transition how often it was tried, and when it was delivered."""

    transitions: list[str]
    outbox: dict[str, tuple[int, float | None]]


def kept(url: str) -> Kept:
    engine = create_engine(url)
    with engine.connect() as connection:
        transitions = connection.execute(text("SELECT id FROM transitions ORDER BY seq")).scalars().all()
        rows = connection.execute(text("SELECT transition_id, attempts, delivered_at FROM outbox ORDER BY id")).all()
    engine.dispose()
    assert len({row[0] for row in rows}) == len(rows)
    return Kept(list(transitions), {row[0]: (row[1], row[2]) for row in rows})


def told(story: Story) -> list[str]:
    return [transition.id for transition in story.told]


def news(story: Story) -> list[str]:
    return [transition.id for transition in story.told if transition.is_news]


async def commit(database: Database, story: Story, at: float, condition: Condition) -> None:
    story.see(at, condition)
    await database.commit(story.changes[-1], everyone("one"))


async def test_what_happens_while_the_server_is_away_is_told_from_memory_and_written_once_when_it_is_back():
    story, elapsed = Story(), Elapsed()
    with postgres() as server:
        database = await Database.open(server.url, 0.0, elapsed=elapsed)
        recovered = asyncio.Event()
        database.subscribe_recovered(recovered.set)
        await commit(database, story, 0, Condition.MET)
        (before,) = await database.pending("one", 10)
        troubles, permanent = [database.trouble], []
        with server.stopped():
            await database.delivered([before.id], 1.0)
            for number in range(1, 200, 2):
                await commit(database, story, number, Condition.CLEARED)
                await commit(database, story, number + 1, Condition.MET)
                troubles.append(database.trouble)
            permanent.append(database.permanent_trouble)
            elapsed.at += 1_000
            permanent.append(database.permanent_trouble)
            readings = {reading.name: reading.value for reading in database.readings()}
            notices = await database.pending("one", 3)
            await database.sending([notice.id for notice in notices], 300.0, "first")
            await database.failed([notice.id for notice in notices[2:]], "down", may_have_arrived=False)
            await database.delivered([notice.id for notice in notices[:2]], 301.0)
            tried_again = (await database.pending("one", 1))[0]
            with pytest.raises(DatabaseError, match=r"failed: .*refused"):
                await database.history(HistoryQuery())
        await recovered.wait()
        troubles.append(database.trouble)
        pending = {notice.transition.id for notice in await database.pending("one", 1_000)}
        await database.close()
        found = kept(server.url)
    untouched = dict.fromkeys(news(story)[4:], (0, None))
    first, *later = news(story)[:4]
    assert found == Kept(
        told(story),
        {first: (0, 1.0), later[0]: (1, 301.0), later[1]: (1, 301.0), later[2]: (1, None)} | untouched,
    )
    assert pending == set(news(story)[3:])
    assert replace(tried_again, id=0) == replace(notices[2], id=0, attempts=1)
    assert len(set(troubles)) == 2  # one reason for as long as it lasts
    assert [bool(trouble) for trouble in troubles] == [False, *[True] * 100, False]
    assert [bool(reason) for reason in permanent] == [False, True]
    assert readings["lapbell.database.failing.time"] >= 1_000


class Elapsed:
    """Seconds that a test moves."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


async def test_a_commit_whose_answer_got_lost_is_written_once():
    story = Story()
    with postgres() as server, cut(server.port) as way:
        url = server.url.replace(f":{server.port}/", f":{way.port}/")
        database = await Database.open(url, 0.0)
        await commit(database, story, 0, Condition.MET)
        for number in range(1, 9):
            way.last = b"COMMIT"
            await commit(database, story, number, Condition.CLEARED if number % 2 else Condition.MET)
        await database.close()
        found = kept(server.url)
    assert way.cuts >= 8
    assert found == Kept(told(story), dict.fromkeys(news(story), (0, None)))


async def test_a_server_that_takes_connections_and_answers_nothing_holds_up_nobody_for_long():
    story = Story()
    with postgres() as server:
        database = await Database.open(server.url, 0.0)
        recovered = asyncio.Event()
        database.subscribe_recovered(recovered.set)
        with server.hanging():
            for number in range(0, 100, 2):
                await commit(database, story, number, Condition.MET)
                await commit(database, story, number + 1, Condition.CLEARED)
            waiting = [notice.transition.id for notice in await database.pending("one", 1_000)]
        await recovered.wait()
        await database.close()
        found = kept(server.url)
    assert waiting == news(story)
    assert found == Kept(told(story), dict.fromkeys(news(story), (0, None)))


async def test_a_disk_that_is_full_at_the_start_is_told_with_its_remedy(small_disk, full):
    full()
    with pytest.raises(DatabaseError, match=r"database or disk is full\. Nothing was written\. Free some space"):
        await Database.open(f"sqlite:///{small_disk}/alerts.db", 0.0)


async def test_an_evaluator_ends_though_the_server_answers_nothing():
    with postgres() as server:
        database = await Database.open(server.url, 0.0)
        with server.hanging():
            await database.close()


@pytest.fixture
def full(small_disk):
    """Fills the disk of a database; what it returns is in the way."""
    ballast = small_disk / "ballast"

    def fill() -> Path:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                return ballast

    return fill


async def test_what_happens_while_the_disk_is_full_is_told_from_memory_and_written_once_there_is_room(small_disk, full):
    url, story = f"sqlite:///{small_disk}/alerts.db", Story()
    database = await Database.open(url, 0.0)
    recovered = asyncio.Event()
    database.subscribe_recovered(recovered.set)
    ballast = full()
    troubles = []
    for number in range(0, 2_000, 2):
        await commit(database, story, number, Condition.MET)
        await commit(database, story, number + 1, Condition.CLEARED)
        troubles.append(database.trouble)
    history = (await database.history(HistoryQuery(limit=10_000))).items
    waiting = [notice.transition.id for notice in await database.pending("one", 10_000)]
    ballast.unlink()
    await recovered.wait()
    troubles.append(database.trouble)
    await database.close()
    began = next(number for number, trouble in enumerate(troubles) if trouble)
    assert len({*troubles[began:-1]}) == 1
    assert "database or disk is full" in troubles[began]
    assert troubles[-1] == ""
    assert [transition.id for transition in reversed(history)] + waiting == told(story)
    assert kept(url) == Kept(told(story), dict.fromkeys(news(story), (0, None)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written_to_is_told_with_its_remedy(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(
        DatabaseError, match=r"Permission denied\. Set data_dir to a folder that this user may write to"
    ):
        await Database.open(f"sqlite:///{tmp_path}/alerts.db", 0.0)


def test_a_change_followed_by_another_keeps_the_last_state_and_every_move():
    story = Story()
    for at, condition in ((0, Condition.MET), (5, Condition.CLEARED), (9, Condition.MET)):
        story.see(at, condition)
    both = Change()
    for change in story.changes:
        both = both.followed_by(change)
    assert both == Change(
        alerts=story.store.of_incident(story.key),
        incidents=tuple({incident.id: incident for change in story.changes for incident in change.incidents}.values()),
        transitions=tuple(story.told),
    )
