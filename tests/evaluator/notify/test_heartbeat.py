"""Signs of life to a real server: of rooms on a hand-moved clock, one of which is stuck, and of a whole evaluator."""

import asyncio
import logging
import threading

import pytest
from pydantic import ValidationError

from alertlife.assembly import assembled
from alertlife.timeline import HandClock
from evaluator_kit import evaluator
from lapbell_evaluator.alerts import ChangeSet
from lapbell_evaluator.config.settings import Settings
from lapbell_evaluator.database import Database
from lapbell_evaluator.model import ReceiverPolicy
from lapbell_evaluator.notify import Heartbeat, MessageReceiver, Receivers, WebhookTarget
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.room_settings import matching
from lapbell_evaluator.rules import load
from lapbell_evaluator.series import SeriesStore
from message_kit import job, line
from peers.answering import Answer, Request, answering

RULES = """
groups:
- name: g
  rules:
  - alert: Always
    expr: vector(1) > 0
"""


class Switch:
    """Counts signs of life, and answers as it is told."""

    def __init__(self) -> None:
        self.heard = 0
        self.answer = Answer()
        self.came = asyncio.Event()

    def take(self, _: Request) -> Answer:
        self.heard += 1
        self.came.set()
        return self.answer


@pytest.fixture
async def rooms(tmp_path):
    """An evaluator whose rules are due every five seconds, and its clock."""
    clock = HandClock(0.0)
    database = await Database.open(f"sqlite:///{tmp_path}/alerts.db", 0.0)
    engine = Engine(SeriesStore())
    yield assembled(load(RULES, "rules"), engine, database, clock), clock
    engine.close()
    await database.close()


async def test_a_sign_of_life_is_heard_while_rules_are_evaluated_and_stays_away_while_evaluation_is_stuck(rooms):
    made, clock = rooms
    switch = Switch()
    entered, released = threading.Event(), threading.Event()

    def stuck() -> ChangeSet:
        entered.set()
        released.wait()
        return made.alerts.plan([], clock.now())

    async with answering(switch.take) as url:
        heartbeat = Heartbeat(url, 60.0, clock, lambda: made.runner.overdue)
        await made.runner.tick()
        heard = {0: await heartbeat.beat()}
        clock.at = 5
        holding = asyncio.create_task(made.committer.commit(stuck))
        await asyncio.to_thread(entered.wait)
        evaluation = asyncio.create_task(made.runner.tick())
        for clock.at in (30, 120):
            heard[clock.at] = await heartbeat.beat()
        silent_s = heartbeat.readings()[0].value
        clock.at = 150
        grown_s = heartbeat.readings()[0].value
        released.set()
        await holding
        await evaluation
        await made.runner.tick()
        heard[150] = await heartbeat.beat()
        await heartbeat.close()
    assert heard == {0: True, 30: True, 120: False, 150: True}
    assert [silent_s, grown_s, heartbeat.readings()[0].value] == [0.0, 30.0, 0.0]
    assert switch.heard == 3


async def test_a_switch_that_does_not_answer_is_told_once_and_what_it_answers_is_no_secret_of_ours(caplog):
    caplog.set_level(logging.INFO, "lapbell_evaluator.notify")
    switch, clock = Switch(), HandClock(0.0)
    async with answering(switch.take) as url:
        heartbeat = Heartbeat(f"{url}/T0PSECRET", 60.0, clock, lambda: "")
        switch.answer = Answer(404, b"no such check")
        heard = [await heartbeat.beat() for _ in range(3)]
        switch.answer = Answer()
        heard.append(await heartbeat.beat())
        await heartbeat.close()
    away = Heartbeat("http://127.0.0.1:9/T0PSECRET", 60.0, clock, lambda: "")
    heard += [await away.beat() for _ in range(2)]
    await away.close()
    said = [record.getMessage() for record in caplog.records if record.name.endswith("heartbeat")]
    assert heard == [False, False, False, True, False, False]
    assert said[:2] == [
        "The dead man's switch answers 404: no such check. See heartbeat.",
        "the dead man's switch hears us again",
    ]
    assert ["does not answer" in said[2], len(said)] == [True, 3]
    assert [text for text in said if "T0PSECRET" in text] == []


async def test_a_whole_evaluator_gives_signs_of_life_at_once_and_says_so_in_its_metrics(tmp_path):
    switch = Switch()
    async with (
        answering(switch.take) as url,
        evaluator(tmp_path, heartbeat={"url": f"{url}/ping/T0PSECRET"}) as (client, _),
    ):
        await switch.came.wait()
        metrics = (await client.get("/metrics")).text
    assert "lapbell_heartbeat_failing_time_seconds 0.0" in metrics


async def test_it_is_known_that_no_receiver_takes_anything_also_beside_one_that_was_never_told(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat, chat.standing(), asyncio.TaskGroup() as tasks:
        receivers = Receivers(
            router=chat.router,
            outbox=chat.database,
            clock=chat.clock,
            muter=chat.muting.muter,
            standing=chat.store.incidents.get,
            explained_by=chat.store.problems.explained_by,
            matching=matching,
            spawn=tasks.create_task,
        )
        chat.answers(Answer(503))
        await chat.fire(10, job("app"))
        both = [MessageReceiver(ReceiverPolicy(name), WebhookTarget(name, chat.url)) for name in ("chat", "idle")]
        await receivers.apply(await receivers.plan(both[:1]))
        while not receivers.trouble:
            chat.clock.at += 1.0
            await asyncio.sleep(0)
        alone = receivers.trouble
        await receivers.apply(await receivers.plan(both))
        beside_an_idle_one = receivers.trouble
        await receivers.close()
    assert alone.startswith("No receiver has taken anything for 6")
    assert beside_an_idle_one == alone


@pytest.mark.parametrize(
    ("heartbeat", "remedy"),
    [
        ({}, "give either url or url_file"),
        ({"url": "ftp://host/"}, "begins with http:// or https://"),
        ({"url": "http://host/", "interval": 1}, "greater than or equal to 10"),
    ],
)
def test_what_a_heartbeat_can_not_be_is_refused_with_the_remedy(heartbeat, remedy):
    with pytest.raises(ValidationError, match=remedy):
        Settings.model_validate({"heartbeat": heartbeat})
