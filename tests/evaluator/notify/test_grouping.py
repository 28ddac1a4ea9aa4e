"""Who is told what, in which message, and when; by a real webhook and a real outbox."""

from datetime import time
from zoneinfo import ZoneInfo

import pytest

from lapbell_evaluator.alerts import Condition, parse_matchers
from lapbell_evaluator.model import QuietHours, ReceiverPolicy
from message_kit import job, line
from peers.answering import Answer

APP, BOT = job("app"), job("bot")
WORSE = job("app", "critical")
FIRES = ("firing", (("app", "firing"),))
BOT_FIRES = ("firing", (("bot", "firing"),))
ENDS = ("resolved", (("app", "resolved"),))
UNAVAILABLE = Answer(503)


@pytest.fixture
async def chat(tmp_path):
    """A receiver with the default policy."""
    async with line(tmp_path, ReceiverPolicy("chat")) as made, made.standing():
        yield made


async def test_an_incident_is_one_message_when_it_fires_and_one_when_it_ends(chat):
    for at in (10, 15):
        await chat.fire(at, APP)
        await chat.tell(at)
    await chat.clear(20, APP)
    await chat.tell(20)
    assert chat.said() == [FIRES, ENDS]


async def test_an_escalation_is_a_message_at_once_and_a_deescalation_is_none(chat):
    await chat.fire(10, APP)
    await chat.tell(10)
    await chat.fire(11, APP, WORSE)
    await chat.tell(11)
    await chat.see(12, {APP: Condition.MET, WORSE: Condition.CLEARED})
    await chat.tell(12)
    assert [message["alerts"][0]["severity"] for message in chat.messages()] == ["warning", "critical"]


async def test_what_recovers_and_returns_is_one_message_until_it_is_over(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat"), reopen_within_s=600.0) as chat, chat.standing():
        await chat.fire(10, APP)
        await chat.tell(10)
        await chat.clear(20, APP)
        await chat.fire(30, APP)
        await chat.clear(40, APP)
        before = [*chat.said()]
        await chat.tell(40)
        await chat.end_recoveries(700)
        await chat.tell(700)
    assert {"before": before, "after": chat.said()} == {"before": [FIRES], "after": [FIRES, ENDS]}


async def test_an_incident_that_is_over_before_it_was_sent_is_no_message_and_its_notices_say_why(chat):
    await chat.fire(10, APP)
    await chat.clear(11, APP)
    await chat.tell(12)
    history = await chat.database.resolved()
    views = (await chat.database.deliveries(history))[history[0].id]
    said = {"messages": chat.said(), "why": {view.error for view in views}}
    assert said == {"messages": [], "why": {"It was over before it could be told."}}


async def test_labels_to_group_by_make_one_message_and_later_members_wait_for_the_interval(tmp_path):
    policy = ReceiverPolicy("chat", group_by=("alertname",), group_wait_s=5.0, group_interval_s=60.0)
    async with line(tmp_path, policy) as chat, chat.standing():
        await chat.fire(10, APP)
        waits = [await chat.tell(10)]
        await chat.fire(14, APP, BOT)
        waits.append(await chat.tell(14))
        early = [*chat.said()]
        await chat.tell(15)
        await chat.fire(20, APP, BOT, job("web"))
        waits.append(await chat.tell(20))
        middle = [*chat.said()]
        await chat.tell(75)
    both = ("firing", (("app", "firing"), ("bot", "firing")))
    all_of_them = ("firing", (("app", "firing"), ("bot", "firing"), ("web", "firing")))
    assert waits == [5.0, 1.0, 55.0]
    said = {"early": early, "middle": middle, "late": chat.said()}
    assert said == {"early": [], "middle": [both], "late": [both, all_of_them]}


async def test_a_group_that_ended_in_part_says_so_and_is_resolved_with_its_last(tmp_path):
    policy = ReceiverPolicy("chat", group_by=("alertname",), group_interval_s=0.0)
    async with line(tmp_path, policy) as chat, chat.standing():
        await chat.fire(10, APP, BOT)
        await chat.tell(10)
        await chat.see(20, {APP: Condition.CLEARED, BOT: Condition.MET})
        await chat.tell(20)
        await chat.clear(30, APP, BOT)
        await chat.tell(30)
    assert chat.said()[1:] == [
        ("firing", (("app", "resolved"), ("bot", "firing"))),
        ("resolved", (("bot", "resolved"),)),
    ]


async def test_what_fires_for_long_is_repeated_until_somebody_takes_it(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat", repeat_interval_s=3_600.0)) as chat, chat.standing():
        await chat.fire(10, APP)
        for at in (10, 3_609, 3_610, 5_000):
            await chat.tell(at)
        await chat.acknowledge(6_000, APP)
        await chat.tell(8_000)
        await chat.clear(9_000, APP)
        await chat.tell(9_000)
    assert [(message["status"], message["isRepeat"]) for message in chat.messages()] == [
        ("firing", False),
        ("firing", True),
        ("resolved", False),
    ]


async def test_a_repeat_after_a_restart_comes_when_it_would_have_come(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat", repeat_interval_s=3_600.0)) as chat:
        async with chat.standing():
            await chat.fire(10, APP)
            for at in (10, 3_610):
                await chat.tell(at)
        async with chat.standing():
            for at in (7_209, 7_210):
                await chat.tell(at)
        assert [message["isRepeat"] for message in chat.messages()] == [False, True, True]
        assert len({request.headers["idempotency-key"] for request, _ in chat.came}) == 3


async def test_a_muted_incident_is_told_when_it_is_heard_again_and_still_fires(chat):
    chat.muted = {"app", "bot"}
    await chat.fire(10, APP, BOT)
    await chat.tell(10)
    await chat.see(20, {APP: Condition.MET, BOT: Condition.CLEARED})
    chat.muted = set()
    await chat.tell(20)
    assert chat.said() == [FIRES]


async def test_an_incident_that_was_told_is_told_as_resolved_although_it_is_muted_by_then(chat):
    await chat.fire(10, APP)
    await chat.tell(10)
    chat.muted = {"app"}
    await chat.clear(20, APP)
    await chat.tell(20)
    assert chat.said() == [FIRES, ENDS]


async def test_an_incident_that_was_muted_recovered_and_returned_is_told_when_it_is_heard_again(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat"), reopen_within_s=600.0) as chat, chat.standing():
        chat.muted = {"app"}
        await chat.fire(10, APP)
        await chat.tell(10)
        await chat.clear(20, APP)
        await chat.tell(20)
        await chat.fire(30, APP)
        chat.muted = set()
        await chat.tell(30)
    assert chat.said() == [FIRES]


async def test_a_message_that_may_have_arrived_is_followed_by_the_end_although_it_is_muted_by_then(chat):
    chat.answers(Answer(504))
    await chat.fire(10, APP)
    await chat.tell(10)
    chat.muted = {"app"}
    chat.answers(Answer())
    await chat.tell(20)
    before = chat.said()
    await chat.clear(30, APP)
    await chat.tell(30)
    assert {"before": before, "after": chat.said()} == {"before": [], "after": [FIRES, ENDS]}


async def test_a_receiver_that_wants_no_ends_hears_none_also_after_a_restart(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat", send_resolved=False, repeat_interval_s=60.0)) as chat:
        async with chat.standing():
            await chat.fire(10, APP)
            await chat.tell(10)
            await chat.clear(20, APP)
            await chat.tell(20)
        async with chat.standing():
            await chat.tell(1_000)
        assert chat.said() == [FIRES]


async def test_quiet_hours_keep_what_fires_until_they_end_and_what_is_over_by_then_untold(tmp_path):
    berlin = ZoneInfo("Europe/Berlin")
    night = QuietHours(time(22, 0), time(7, 0), frozenset(range(7)), berlin)
    midnight = 1_767_222_000.0  # 2026-01-01 00:00 in Berlin
    async with line(tmp_path, ReceiverPolicy("chat", quiet_hours=(night,))) as chat, chat.standing():
        await chat.fire(midnight, APP, BOT)
        await chat.tell(midnight)
        await chat.see(midnight + 3_600, {APP: Condition.MET, BOT: Condition.CLEARED})
        wait_s = await chat.tell(midnight + 7 * 3_600 - 30)
        before = [*chat.said()]
        await chat.tell(midnight + 7 * 3_600)
    assert wait_s == 30.0
    assert {"before": before, "after": chat.said()} == {"before": [], "after": [FIRES]}


async def test_only_what_matches_is_told_and_its_end_too_although_the_end_no_longer_matches(tmp_path):
    policy = ReceiverPolicy("pager", parse_matchers('severity="critical"'))
    async with line(tmp_path, policy) as pager:
        async with pager.standing():
            await pager.fire(10, APP, BOT)
            await pager.fire(11, APP, BOT, WORSE)
            await pager.tell(11)
            await pager.see(12, {APP: Condition.MET, BOT: Condition.MET, WORSE: Condition.CLEARED})
        async with pager.standing():
            await pager.clear(20, APP, BOT, WORSE)
            await pager.tell(20)
        assert pager.said() == [FIRES, ENDS]


async def test_a_message_that_was_refused_for_now_is_sent_again_as_things_stand_then(chat):
    chat.answers(UNAVAILABLE)
    await chat.fire(10, APP)
    await chat.tell(10)
    await chat.clear(20, APP)
    chat.answers(Answer())
    await chat.tell(20)
    (message,) = chat.messages()
    assert chat.said() == [ENDS]
    assert len(message["transitionIds"]) == 2


async def test_a_message_whose_answer_was_lost_is_sent_again_under_its_key_and_news_are_another(
    tmp_path,
):
    async with line(tmp_path, ReceiverPolicy("chat", group_by=("alertname",), group_interval_s=0.0)) as chat:
        async with chat.standing():
            await chat.fire(10, APP)
            chat.answers(Answer(504))
            await chat.tell(10)
            await chat.fire(12, APP, BOT)
        async with chat.standing():
            chat.answers(Answer())
            await chat.tell(20)
        keys = [request.headers["idempotency-key"] for request, _ in chat.came]
        both = ("firing", (("app", "firing"), ("bot", "firing")))
        assert chat.said() == [FIRES, both]
        assert keys == [keys[0], keys[0], keys[2]]
        assert keys[2] != keys[0]


async def test_a_message_that_may_have_arrived_keeps_its_key_although_it_is_refused_for_now_later(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat", group_by=("alertname",), group_interval_s=0.0)) as chat:
        async with chat.standing():
            await chat.fire(10, APP)
            for answer in (Answer(504), UNAVAILABLE):
                chat.answers(answer)
                await chat.tell(10)
            await chat.fire(12, APP, BOT)
            chat.answers(Answer())
            await chat.tell(20)
        keys = [request.headers["idempotency-key"] for request, _ in chat.came]
        assert keys == [keys[0], keys[0], keys[0], keys[3]]
        assert keys[3] != keys[0]


async def test_a_message_that_is_refused_for_ever_is_a_dead_letter_and_keeps_nobody_waiting(chat):
    chat.judge = lambda request: Answer(400, b"no app") if b'"app"' in request.body else Answer()
    await chat.fire(10, APP, BOT)
    await chat.tell(10)
    letters = (await chat.database.dead_letters()).items
    assert chat.said() == [BOT_FIRES]
    assert [(letter.status, letter.error) for letter in letters] == [
        ("400", "The webhook of receiver chat answers 400: no app")
    ]


async def test_a_message_about_250_incidents_shows_100_of_them_and_says_so(tmp_path):
    async with line(tmp_path, ReceiverPolicy("chat", group_by=("alertname",))) as chat, chat.standing():
        await chat.fire(10, *(job(f"app-{number}") for number in range(250)))
        await chat.tell(10)
    (message,) = chat.messages()
    counts = {
        "shown": len(message["alerts"]),
        "more": message["truncatedAlerts"],
        "moves": len(message["transitionIds"]),
    }
    assert counts == {"shown": 100, "more": 150, "moves": 250}


async def test_a_message_is_a_page_when_a_group_begins_gets_worse_or_is_repeated_and_an_update_otherwise(tmp_path):
    policy = ReceiverPolicy("chat", group_by=("alertname",), group_interval_s=0.0, repeat_interval_s=3_600.0)
    async with line(tmp_path, policy) as chat, chat.standing():
        await chat.fire(10, APP)
        await chat.tell(10)
        await chat.fire(20, APP, BOT)
        await chat.tell(20)
        await chat.fire(30, APP, BOT, WORSE)
        await chat.tell(30)
        await chat.tell(3_630)
        await chat.see(3_640, {APP: Condition.MET, BOT: Condition.CLEARED, WORSE: Condition.MET})
        await chat.tell(3_640)
        await chat.clear(3_650, APP, BOT, WORSE)
        await chat.tell(3_650)
    assert [message["isPage"] for message in chat.messages()] == [True, True, True, True, False, False]
