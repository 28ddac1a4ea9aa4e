"""What a person reads first, and below it."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from lapbell_evaluator.messages import Composer, Form, Writer
from message_kit.incidents import BEGAN_AT, notification, resolved, slow, storm

NOW = BEGAN_AT + 180
COMPOSER = Composer("https://lapbell.example.com", "https://traces.example.com/{trace_id}")


def said(*of, form=Form.PLAIN, limit=100_000, **more) -> list[str]:
    message = COMPOSER.message(notification(*of, **more), NOW)
    return Writer(form, limit).write(message).splitlines()


def test_the_first_line_says_what_where_how_bad_since_when_and_what_is_to_blame():
    assert said(slow())[0] == (
        "critical: /webhooks/twilio answers slowly: 12 % of the webhooks take over 2s, since 22:34 UTC"
        " — cache_lookup, 81% of the excess"
    )


def test_below_it_stand_phase_trend_counts_traces_and_what_can_be_opened():
    assert said(slow())[3:] == [
        "phase: cache_lookup 81%, signature_validation 11%",
        "value: 12, threshold 5, peak 14.8",
        "trend: 9.1 a minute ago, 0.4 five minutes ago",
        "counts: 48 bad of 400",
        "traces: ",
        "  https://traces.example.com/0af7651916cd43dd8448eb211c80319c",
        "  https://traces.example.com/b7ad6b7169203331b7ad6b7169203331",
        "labels: http_route=/webhooks/twilio  job=shop",
        "incident: https://lapbell.example.com/api/performance/alerts/f2dc4624760370d4",
        "runbook: https://lapbell.example.com/runbooks/webhook-latency",
    ]


def test_an_end_says_how_long_it_was_and_the_value_now():
    assert said(resolved(slow()))[0] == (
        "resolved after 12 min 5 s: /webhooks/twilio answers slowly: 12 % of the webhooks take over 2s — now 0.4"
    )


def test_an_end_that_nobody_saw_a_value_of_says_none():
    assert said(resolved(slow(), value=12.04))[0].endswith("take over 2s")


def test_what_is_told_again_says_so():
    assert said(slow(), is_repeat=True)[0].startswith("still critical: /webhooks/twilio")


def test_several_incidents_have_a_line_that_counts_them():
    first = said(slow(), slow("/b", severity="warning"), resolved(slow("/c")), group=(("job", "shop"),))[0]
    assert first == (
        "critical: 2 alerts (WebhookLatency) job=shop, since 22:34 UTC; 1 resolved — cache_lookup, 81% of the excess"
    )


def test_a_storm_shows_ten_and_says_how_many_more():
    lines = said(*storm(25_000))
    assert [line.startswith("warning: /webhooks/") for line in lines].count(True) == 10
    assert lines[-1] == "and 24,990 more"


def test_times_are_those_of_the_receivers_zone_with_the_day_if_it_is_not_today():
    composer = Composer(zone=ZoneInfo("Asia/Kolkata"))
    title = composer.message(notification(slow()), BEGAN_AT + 86_400).title
    assert "since 30 Nov 04:04 IST" in title


def test_a_message_names_the_cause_first_with_the_highest_severity_of_what_it_explains():
    cause = slow("/redis", severity="warning")
    symptoms = (slow("/a"), slow("/b", severity="warning"))
    explained = tuple(each.incident for each in symptoms)
    told = replace(notification(*symptoms, cause), cause=cause.incident, explains=explained)
    lines = Writer(Form.PLAIN, 100_000).write(COMPOSER.message(told, NOW)).splitlines()
    assert lines[0] == (
        "critical: /redis answers slowly: 12 % of the webhooks take over 2s, which explains 2 more (WebhookLatency),"
        " since 22:34 UTC — cache_lookup, 81% of the excess"
    )
    assert lines[2].startswith("warning: /redis answers slowly")
    assert lines[4] == (
        "explains: /a answers slowly: 12 % of the webhooks take over 2s;"
        " /b answers slowly: 12 % of the webhooks take over 2s"
    )


def test_a_symptom_that_is_told_without_its_cause_says_what_explains_it():
    told = replace(notification(slow("/a")), cause=slow("/redis").incident, explains=(slow("/a").incident,))
    lines = Writer(Form.PLAIN, 100_000).write(COMPOSER.message(told, NOW)).splitlines()
    assert "caused by: /redis answers slowly: 12 % of the webhooks take over 2s" in lines


def test_an_alert_without_summary_is_named_by_its_labels_and_value():
    bare = slow()
    bare = replace(bare, incident=replace(bare.incident, annotations=(), evidence=None, figures=None))
    assert said(bare)[0] == "critical: WebhookLatency (http_route=/webhooks/twilio, job=shop) is 12, since 22:34 UTC"


@pytest.mark.parametrize("form", list(Form))
def test_a_link_to_acknowledge_is_there_if_there_is_one(form):
    composer = Composer(acknowledge_url=lambda incident: f"https://lapbell.example.com/take/{incident.id}")
    text = Writer(form, 100_000).write(composer.message(notification(slow()), NOW))
    assert "https://lapbell.example.com/take/f2dc4624760370d4-1" in text
