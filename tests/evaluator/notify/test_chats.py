"""Slack and Discord, by stubs that refuse what their documentation does not allow."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.messages import Composer, read_template
from lapbell_evaluator.model import Notification, SystemClock
from lapbell_evaluator.notify import DeliveryError, DiscordTarget, SlackTarget
from message_kit.incidents import notification, resolved, slow, storm
from peers.answering import Answer, Request, answering
from peers.chats import Discord, Slack

COMPOSER = Composer(
    "https://lapbell.example.com",
    "https://traces.example.com/{trace_id}",
    acknowledge_url=lambda incident: f"https://lapbell.example.com/take/{incident.key}",
)
TARGETS: dict[str, type[SlackTarget | DiscordTarget]] = {"slack": SlackTarget, "discord": DiscordTarget}
STUBS: dict[str, type[Slack | Discord]] = {"slack": Slack, "discord": Discord}
KINDS = pytest.mark.parametrize("kind", list(TARGETS))


async def send(kind: str, take: Callable[[Request], Answer], what: Notification, **more) -> None:
    async with answering(take) as url:
        target = TARGETS[kind]("chat", f"{url}/T0PSECRET", COMPOSER, **more)
        async with target.sender(SystemClock(), lambda _: what) as sender:
            await sender.send(())


async def taken(kind: str, what: Notification, **more) -> dict:
    stub = STUBS[kind]()
    await send(kind, stub.take, what, **more)
    (message,) = stub.messages
    return message


async def test_slack_gets_the_first_line_as_a_header_and_what_can_be_opened_as_links():
    message = await taken("slack", notification(slow()))
    (part,) = message["attachments"]
    header, body, links = part["blocks"]
    assert part["color"] == "#b3261e"
    assert header["text"]["text"].startswith("critical: /webhooks/twilio answers slowly")
    assert header["text"]["text"].removesuffix("…") in message["text"]
    assert "counts: 48 bad of 400" in body["text"]["text"].splitlines()
    assert links["text"]["text"] == (
        "<https://lapbell.example.com/take/f2dc4624760370d4|acknowledge>"
        " · <https://lapbell.example.com/api/performance/alerts/f2dc4624760370d4|incident>"
        " · <https://lapbell.example.com/runbooks/webhook-latency|runbook>"
        " · <https://traces.example.com/0af7651916cd43dd8448eb211c80319c|0af76519>"
        " · <https://traces.example.com/b7ad6b7169203331b7ad6b7169203331|b7ad6b71>"
    )


async def test_discord_gets_an_embed_that_calls_nobody_and_an_update_makes_no_sound():
    page = await taken("discord", notification(slow()))
    update = await taken("discord", replace(notification(resolved(slow())), is_page=False))
    (embed,) = page["embeds"]
    assert embed["title"].startswith("critical: /webhooks/twilio answers slowly")
    assert "[runbook](<https://lapbell.example.com/runbooks/webhook-latency>)" in embed["description"]
    assert [page["flags"], update["flags"]] == [0, 4096]
    assert page["allowed_mentions"] == {"parse": []}
    assert [page["embeds"][0]["color"], update["embeds"][0]["color"]] == [0xB3261E, 0x1B6E3C]


@KINDS
async def test_a_storm_is_one_message_within_the_limits(kind):
    message = await taken(kind, notification(*storm(25_000)))
    assert "24,99" in str(message)


@KINDS
@settings(max_examples=scaled(25))
@given(
    st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=2_000), min_size=1, max_size=12),
    st.sampled_from(["critical", "warning", "info", "sev1"]),
)
async def test_no_label_makes_a_message_that_the_service_refuses(kind, values, severity):
    stub = STUBS[kind]()
    of = [slow(f"{value}{at}", severity=severity, evil=value * 9) for at, value in enumerate(values)]
    await send(kind, stub.take, notification(*of))
    assert stub.refused == []


async def test_nothing_of_a_stranger_stands_where_slack_marks_up():
    message = await taken("slack", notification(slow("*b* <!channel> `c` & <https://evil.example|x>")))
    blocks = message["attachments"][0]["blocks"]
    marked = [block["text"]["text"] for block in blocks if block["text"]["type"] == "mrkdwn"]
    assert [text for text in marked if "evil" in text or "channel" in text] == []
    assert "<!channel>" not in message["text"]


async def test_a_title_of_discord_is_no_markup_either():
    message = await taken("discord", notification(slow("*b* __u__ @everyone")))
    assert message["embeds"][0]["title"].startswith("critical: \\*b\\* \\_\\_u\\_\\_ @\u200beveryone answers slowly")


@KINDS
@pytest.mark.parametrize(
    ("answer", "want"),
    [
        (Answer(429, headers=(("retry-after", "30"),)), ("DeliveryError", 30.0)),
        (Answer(404, b"no_service"), ("DeniedError", None)),
        (Answer(410, b"channel_is_archived"), ("DeniedError", None)),
        (Answer(400, b"invalid_blocks"), ("RefusedError", None)),
        (Answer(403, b"action_prohibited"), ("DoubtfulError", None)),
        (Answer(302, headers=(("location", "http://127.0.0.1:9/"),)), ("DeniedError", None)),
    ],
)
async def test_a_refusal_means_what_its_status_says_and_tells_no_secret(kind, answer, want):
    with pytest.raises(DeliveryError) as raised:
        await send(kind, lambda _: answer, notification(slow()))
    assert (type(raised.value).__name__, raised.value.retry_after_s) == want
    assert "T0PSECRET" not in str(raised.value)


@pytest.mark.parametrize(("kind", "suffix"), [("slack", ".txt"), ("discord", ".md")])
async def test_a_template_says_what_stands_below_the_first_line(kind, suffix, tmp_path):
    file = tmp_path / f"message{suffix}"
    file.write_text("job {{ alerts[0].labels.job }}")
    message = await taken(kind, notification(slow()), template=read_template(file)[1])
    assert "job shop" in str(message)
