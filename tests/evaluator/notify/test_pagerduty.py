"""Events for PagerDuty, by a stub that refuses what its documentation does not allow."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.messages import Composer
from lapbell_evaluator.model import Notification, ReceiverPolicy, SystemClock, Transition, labels
from lapbell_evaluator.notify import DeliveryError, PagerDutyTarget
from message_kit import job, line
from message_kit.incidents import BEGAN_AT, notification, resolved, slow, storm
from peers.answering import Answer, answering
from peers.pagerduty import PagerDuty

KEY = "R0123456789abcdef0123456789ABCDE"
COMPOSER = Composer("https://lapbell.example.com", "https://traces.example.com/{trace_id}")


async def send(url: str, *of: Notification, key: str = KEY) -> None:
    target = PagerDutyTarget("pager", key, COMPOSER, f"{url}/v2/enqueue")
    waiting = list(of)
    async with target.sender(SystemClock(), lambda _: waiting.pop(0)) as sender:
        while waiting:
            await sender.send(())


def acknowledged(of: Transition) -> Transition:
    return replace(of, incident=replace(of.incident, acknowledged_at=BEGAN_AT + 60, acknowledged_by="bob"))


async def test_an_incident_is_one_alert_from_its_trigger_to_its_end():
    pager = PagerDuty()
    async with answering(pager.take) as url:
        firing = notification(slow())
        await send(url, firing, replace(firing, news=()))
        await send(url, notification(acknowledged(slow())))
        assert list(pager.open.values()) == ["acknowledged"]
        await send(url, notification(resolved(slow())))
    actions = [event["event_action"] for event in pager.events]
    assert actions == ["trigger", "trigger", "acknowledge", "resolve"]
    assert len(pager.pages) == 1
    assert pager.open == {}


async def test_what_somebody_takes_here_is_taken_there_at_once(tmp_path):
    policy = ReceiverPolicy("pager", hears_acknowledgements=True)
    async with line(tmp_path, policy) as pager:
        async with pager.standing():
            await pager.fire(10, job("app"))
            await pager.tell(10)
            await pager.acknowledge(20, job("app"))
            await pager.tell(20)
        takers = [message["alerts"][0]["acknowledgedBy"] for message in pager.messages()]
    assert takers == [None, "bob"]


async def test_an_event_says_what_where_since_when_and_leads_to_the_proof():
    pager = PagerDuty()
    async with answering(pager.take) as url:
        await send(url, notification(slow()))
    (event,) = pager.events
    incident = "https://lapbell.example.com/api/performance/alerts/f2dc4624760370d4"
    payload: dict[str, Any] = event["payload"]
    assert event["dedup_key"] == "lapbell f2dc4624760370d4"
    assert payload["summary"].startswith("critical: /webhooks/twilio answers slowly")
    assert {name: payload[name] for name in ("severity", "source", "class", "timestamp")} == {
        "severity": "critical",
        "source": "shop",
        "class": "WebhookLatency",
        "timestamp": "2026-11-29T22:34:00.000+00:00",
    }
    assert payload["custom_details"]["counts"] == "48 bad of 400"
    assert [link["href"] for link in event["links"]][:2] == [
        incident,
        "https://lapbell.example.com/runbooks/webhook-latency",
    ]


async def test_a_storm_is_one_page():
    pager = PagerDuty()
    async with answering(pager.take) as url:
        await send(url, notification(*storm(25_000)))
    (event,) = pager.events
    assert pager.pages[0].startswith("warning: 25,000 alerts (WebhookLatency)")
    assert event["payload"]["custom_details"]["more"] == 24_990


@settings(max_examples=scaled(25), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.text(max_size=3_000), min_size=1, max_size=4),
    st.text(max_size=600),
    st.sampled_from(["critical", "page", "error", "warning", "info", "", "sev1", "CRITICAL"]),
)
async def test_no_label_makes_an_event_that_pagerduty_refuses(values, group, severity):
    pager = PagerDuty()
    of = [slow(value or "-", severity=severity or "none", instance=value * 20) for value in values]
    async with answering(pager.take) as url:
        await send(url, replace(notification(*of, group=labels({"job": group})), group=group))
    assert pager.refused == []


@pytest.mark.parametrize(
    ("answer", "want"),
    [
        (Answer(429, headers=(("retry-after", "120"),)), ("DeliveryError", 120.0)),
        (Answer(503), ("DeliveryError", None)),
        (Answer(500), ("DoubtfulError", None)),
        (Answer(400, b'{"errors": ["no"]}'), ("RefusedError", None)),
        (Answer(302, headers=(("location", "http://127.0.0.1:9/"),)), ("DeniedError", None)),
    ],
)
async def test_a_refusal_means_what_the_documentation_says(answer, want):
    async with answering(lambda _: answer) as url:
        with pytest.raises(DeliveryError) as raised:
            await send(url, notification(slow()))
    assert (type(raised.value).__name__, raised.value.retry_after_s) == want


async def test_a_wrong_key_is_no_fault_of_the_event_and_is_not_told():
    pager = PagerDuty()
    async with answering(pager.take) as url:
        with pytest.raises(DeliveryError) as raised:
            await send(url, notification(slow()), key="T0PSECRET")
    assert type(raised.value).__name__ == "DeniedError"
    assert "T0PSECRET" not in str(raised.value)


async def test_a_server_that_repeats_the_key_does_not_have_it_told():
    async with answering(lambda request: Answer(400, request.body)) as url:
        with pytest.raises(DeliveryError) as raised:
            await send(url, notification(slow()))
    assert KEY not in str(raised.value)
