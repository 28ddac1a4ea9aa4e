"""Who writes to PostgreSQL: one evaluator, whatever is killed, stopped or replaced."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

import alertlife.leader
from alertlife.databases import postgres_url
from alertlife.story import Story
from alertlife.timeline import timeline
from budget import scaled
from lapbell_evaluator.alerts import Condition
from lapbell_evaluator.database import Database, LeaseLostError
from lapbell_evaluator.model import HistoryQuery, PostableAlert, everyone
from peers.postgres import postgres
from peers.process import pipe

TRIALS = scaled(1)
RULES = """
groups:
- name: g
  rules:
  - alert: Broken
    expr: broken > 0
"""


@pytest.fixture(scope="module")
def server():
    with postgres() as one:
        yield one


@pytest.fixture
def url(server):
    return postgres_url(server)


def execute(url: str, statement: str) -> list[tuple]:
    engine = create_engine(url)
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


@contextmanager
def leader(url: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has the database and writes to it."""
    root = Path(alertlife.leader.__file__).parents[1]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    argv = [sys.executable, alertlife.leader.__file__, url]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert pipe(process.stdout).readline() == "open\n"
            pipe(process.stdout).readline()  # it has written
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSTOP])
async def test_a_follower_takes_over_from_a_leader_that_is_killed_or_stopped_and_finds_what_it_wrote(url, by):
    for _ in range(TRIALS):
        with leader(url) as process:
            written = pipe(process.stdout).readline().strip()
            process.send_signal(by)
            follower = await Database.open(url, 0.0)
            found = (await follower.history(HistoryQuery(limit=10_000))).items
            await follower.close()
        assert written in {transition.id for transition in found}


@pytest.mark.slow
async def test_a_leader_that_was_stopped_writes_nothing_after_the_take_over(url):
    for _ in range(TRIALS):
        with leader(url) as process:
            process.send_signal(signal.SIGSTOP)
            follower = await Database.open(url, 0.0)
            taken_over = (await follower.history(HistoryQuery(limit=100_000))).items
            process.send_signal(signal.SIGCONT)
            lines = await asyncio.to_thread(pipe(process.stdout).read)
            later = (await follower.history(HistoryQuery(limit=100_000))).items
            await follower.close()
        assert lines.splitlines()[-1] == "lost"
        assert later == taken_over


async def test_a_leader_that_was_replaced_says_so_for_ever_and_writes_nothing(url):
    story = Story()
    story.see(0, Condition.MET)
    database = await Database.open(url, 0.0)
    execute(url, "UPDATE evaluator_lease SET epoch = epoch + 1")
    with pytest.raises(LeaseLostError, match="taken the alert database over"):
        await database.commit(story.changes[-1], everyone("one"))
    with pytest.raises(LeaseLostError, match="it follows the other one then"):
        await database.pending("one", 10)
    troubles = {database.trouble, database.permanent_trouble}
    await database.close()
    taken_over = "Another evaluator has taken the alert database over: this one was away for longer than its lease."
    assert troubles == {f"{taken_over} Restart it: it follows the other one then."}
    assert execute(url, "SELECT id FROM transitions UNION ALL SELECT transition_id FROM outbox") == []


async def test_an_evaluator_that_was_replaced_tells_nobody_what_it_still_believes(url, tmp_path):
    async with timeline(tmp_path, RULES, url=url) as line:
        line.push(0.0, "broken", 1.0)
        await line.at(0.0)
        receiver = Notified()
        notifier = line.notifier(receiver, resend_delay_s=5.0)
        await line.at(5.0)
        told_before = await notifier.notify()
        execute(url, "UPDATE evaluator_lease SET epoch = epoch + 1")
        with suppress(LeaseLostError):
            await line.database.tidy(0.0)
        await line.at(15.0)
        told_after = await notifier.notify()
        trouble = line.runner.trouble
    assert [told_before, told_after] == [1, 0]
    assert "Group g was not evaluated: Another evaluator has taken the alert database over" in trouble


class Notified:
    """Takes every alert."""

    name = "one"

    async def send(self, alerts: Sequence[PostableAlert]) -> None:
        """Nothing is in the way."""


async def test_a_lease_that_ran_out_is_renewed_if_nobody_took_it(url):
    story = Story()
    story.see(0, Condition.MET)
    database = await Database.open(url, 0.0)
    execute(url, "UPDATE evaluator_lease SET until = 0")
    await database.commit(story.changes[-1], everyone("one"))
    trouble = database.trouble
    await database.close()
    assert trouble == ""


async def test_a_follower_is_told_whom_it_waits_for_and_goes_on_when_that_one_ends(url):
    owners = []
    first = await Database.open(url, 0.0)
    waits = asyncio.Event()

    def waiting(owner: str) -> None:
        owners.append(owner)
        waits.set()

    follows = asyncio.create_task(Database.open(url, 0.0, on_waiting=waiting))
    await waits.wait()
    await first.close()
    await (await follows).close()
    assert owners == [f"{os.uname().nodename}, process {os.getpid()}"]


async def test_a_follower_that_is_told_to_stop_leaves_the_lease_alone(url):
    first = await Database.open(url, 0.0)
    waits = asyncio.Event()
    follows = asyncio.create_task(Database.open(url, 0.0, on_waiting=lambda _: waits.set()))
    await waits.wait()
    follows.cancel()
    await asyncio.wait([follows])
    await first.close()
    assert execute(url, "SELECT epoch, until FROM evaluator_lease") == [(1, 0.0)]


async def test_a_leader_keeps_the_lease_through_a_restart_of_the_server_though_another_waits():
    story = Story()
    story.see(0, Condition.MET)
    with postgres() as server:
        database = await Database.open(server.url, 0.0)
        waits = asyncio.Event()
        follows = asyncio.create_task(Database.open(server.url, 0.0, on_waiting=lambda _: waits.set()))
        await waits.wait()
        recovered = asyncio.Event()
        database.subscribe_recovered(recovered.set)
        with server.stopped():
            await database.commit(story.changes[-1], everyone("one"))
        await recovered.wait()
        (epoch,) = await asyncio.to_thread(execute, server.url, "SELECT epoch FROM evaluator_lease")
        await database.close()
        follower = await follows
        found = (await follower.history(HistoryQuery())).items
        await follower.close()
    assert epoch == (1,)
    assert found == tuple(story.told)
