"""A webhook that fails on some messages without a word about why: they stand aside, whole, and others are told."""

import json

import pytest

from lapbell_evaluator.model import AuditEntry, ReceiverPolicy, incident_key
from message_kit import job, line
from peers.answering import Answer, Request

BAD, APP, BOT = job("bad"), job("app"), job("bot")
TOGETHER = ReceiverPolicy("chat", group_by=("alertname",), group_interval_s=0.0)
FAILURE = Answer(500)


def fails_on_bad(request: Request) -> Answer:
    return FAILURE if b'"job":"bad"' in request.body else Answer()


async def test_a_message_that_a_webhook_fails_on_keeps_no_other_waiting(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat, chat.standing():
        chat.judge = fails_on_bad
        await chat.fire(10, BAD, APP)
        await chat.tell(10)
        await chat.fire(11, BOT)
        await chat.tell(11)
    assert chat.said() == [("firing", (("app", "firing"),)), ("firing", (("bot", "firing"),))]


async def test_a_webhook_that_fails_on_everything_is_asked_for_three_messages_at_a_time(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat, chat.standing():
        chat.answers(FAILURE)
        await chat.fire(10, *(job(f"app-{number}") for number in range(9)))
        await chat.tell(10)
    assert len(chat.came) == 3


async def test_a_message_of_several_incidents_keeps_its_key_for_ten_attempts_and_then_the_bad_one_alone_waits(tmp_path):
    async with line(tmp_path, TOGETHER) as chat, chat.standing():
        chat.judge = fails_on_bad
        await chat.fire(10, BAD, APP, BOT)
        for at in range(10, 21):
            await chat.tell(at)
        letters = await chat.database.dead_letters()
    keys = [request.headers["idempotency-key"] for request, _ in chat.came]
    assert {"keys": len(set(keys[:10])), "told": chat.said(), "dead": len(letters.items)} == {
        "keys": 1,
        "told": [("firing", (("app", "firing"), ("bot", "firing")))],
        "dead": 0,
    }


async def test_what_a_webhook_fails_on_for_an_hour_is_a_dead_letter(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat, chat.standing():
        chat.answers(FAILURE)
        await chat.fire(10, BAD)
        for at in range(10, 129):
            await chat.tell(at)
        waiting = await chat.database.dead_letters()
        await chat.tell(130)
        letters = await chat.database.dead_letters()
    assert {"before": len(waiting.items), "after": [letter.status for letter in letters.items]} == {
        "before": 0,
        "after": ["500"],
    }


async def test_a_message_that_is_refused_is_told_without_the_incident_that_is_refused(tmp_path):
    async with line(tmp_path, TOGETHER) as chat, chat.standing():
        chat.judge = lambda request: Answer(400) if b'"job":"bad"' in request.body else Answer()
        await chat.fire(10, BAD, APP, BOT)
        await chat.tell(10)
        dead = [letter.incident_key for letter in (await chat.database.dead_letters()).items]
    told = [alert["labels"]["job"] for request, _ in chat.came for alert in json.loads(request.body)["alerts"]]
    assert {"told": set(told[-2:]), "dead": dead} == {"told": {"app", "bot"}, "dead": [incident_key(BAD)]}


async def test_of_a_group_nothing_overtakes_a_message_that_may_have_arrived(tmp_path):
    policy = ReceiverPolicy("chat", group_by=("alertname",), group_interval_s=0.0, repeat_interval_s=300.0)
    async with line(tmp_path, policy) as chat, chat.standing():
        await chat.fire(10, APP, BOT)
        await chat.tell(10)
        await chat.clear(400, APP)
        chat.answers(FAILURE)  # it takes the end, and nobody hears that
        await chat.tell(400)
        chat.answers(Answer())
        await chat.tell(401)
    said = [
        {alert["labels"]["job"]: alert["status"] for alert in json.loads(each.body)["alerts"]} for each, _ in chat.came
    ]
    assert said[1:3] == [{"app": "resolved", "bot": "firing"}] * 2


@pytest.mark.parametrize("answer", [FAILURE, Answer(503), Answer(504)])
async def test_however_many_messages_fail_for_ever_what_is_new_is_told(tmp_path, answer):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat, chat.standing():
        chat.judge = lambda request: answer if b'"job":"bad' in request.body else Answer()
        await chat.fire(10, *(job(f"bad-{number}") for number in range(5)))
        for at in range(10, 20):
            await chat.tell(at)
        await chat.fire(20, APP)
        await chat.tell(20)
    assert chat.said() == [("firing", (("app", "firing"),))]


async def test_a_webhook_that_asks_to_be_left_alone_is_sent_one_message_and_no_other(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat, chat.standing():
        chat.answers(Answer(429, headers=(("retry-after", "7"),)))
        await chat.fire(10, APP, BOT)
        await chat.tell(10)
    assert len(chat.came) == 1


async def test_the_end_of_an_incident_whose_rise_was_refused_is_told_also_after_a_restart(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat:
        async with chat.standing():
            chat.judge = lambda request: Answer(400) if b'"severity":"critical"' in request.body else Answer()
            await chat.fire(10, APP)
            await chat.tell(10)
            await chat.fire(20, APP, job("app", "critical"))
            await chat.tell(20)
        chat.answers(Answer())
        async with chat.standing():
            await chat.clear(30, APP, job("app", "critical"))
            await chat.tell(30)
    assert [status for status, _ in chat.said()] == ["firing", "resolved"]


async def test_a_dead_letter_of_an_incident_that_is_over_is_not_told_as_firing_and_with_its_end_it_is_told_as_over(
    tmp_path,
):
    async with line(tmp_path, ReceiverPolicy("chat")) as chat, chat.standing():
        chat.answers(Answer(400))
        await chat.fire(10, APP)
        await chat.tell(10)
        (first,) = (await chat.database.dead_letters()).items
        await chat.clear(20, APP)
        await chat.tell(20)
        chat.answers(Answer())
        await chat.database.replay([first.id], AuditEntry(30.0, "ann", "replay", "chat", "mended"))
        await chat.tell(30)
        alone = chat.said()
        await chat.database.replay(None, AuditEntry(40.0, "ann", "replay", "chat", "mended"))
        await chat.tell(40)
    assert {"alone": alone, "then": chat.said()} == {"alone": [], "then": []}
