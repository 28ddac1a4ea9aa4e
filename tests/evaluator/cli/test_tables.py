"""What a person reads of alerts that somebody has dealt with."""

import time

import pytest

from lapbell_evaluator.cli.tables import print_alert, print_alerts, print_silences
from lapbell_evaluator.cli.timeline import print_moves

FIRED_AT = 1_795_572_930.0
HELD_AT = FIRED_AT + 28


@pytest.fixture(autouse=True)
def _hundred_columns_in_greenwich(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def alert(**changes):
    return {
        "alert_key": "262c248d761024ae",
        "alertname": "WebhookResponseTime",
        "severity": "warning",
        "state": "firing",
        "health": "ok",
        "detail": "",
        "message": "/webhook answers slowly",
        "description": "",
        "runbook_url": "",
        "labels": {"job": "shop"},
        "metric_value": 1.8,
        "threshold": 1.0,
        "started_at": FIRED_AT,
        "fired_at": FIRED_AT,
        "recovering_at": None,
        "resolved_at": None,
        "duration": 28.0,
        "acknowledged": False,
        "silenced_by": [],
        "inhibited_by": [],
        "maintained_by": [],
        "flapping": False,
        "reason": "breached",
        "blame": [],
        "trace_ids": [],
        "trace_urls": [],
        "storm": None,
        "peak": 2.5,
        "trend": {"minute_ago": 0.2, "five_minutes_ago": None},
        "counts": {"bad": 12.0, "total": 60.0},
        "cause": None,
        "evidence": None,
        "caused_by": None,
        "explains": [],
    } | changes


def listed(capsys, **changes):
    print_alerts({"alerts": [alert(**changes)], "storms": [], "window": {"end": FIRED_AT + 60}})
    return capsys.readouterr().out.splitlines()[0]


def test_an_alert_that_is_silenced_or_inhibited_says_so(capsys):
    assert [
        listed(capsys, silenced_by=["54e67dac"]),
        listed(capsys, acknowledged=True, inhibited_by=["d4c6ad06207a513b"]),
    ] == [
        "262c248d761024ae  warning   firing (silenced) for 28s  WebhookResponseTime",
        "262c248d761024ae  warning   firing (acknowledged, inhibited) for 28s  WebhookResponseTime",
    ]


def test_what_one_alert_explains_stands_below_it(capsys):
    cause = alert(alert_key="d4c6ad06207a513b", alertname="RedisFailureRate", explains=["262c248d761024ae"])
    symptom = alert(caused_by="d4c6ad06207a513b")
    print_alerts({"alerts": [symptom, cause], "storms": [], "window": {"end": FIRED_AT + 60}})
    assert capsys.readouterr().out.splitlines() == [
        "d4c6ad06207a513b  warning   firing for 28s  RedisFailureRate",
        "  1.8, threshold 1  job=shop",
        "  explains:",
        "    262c248d761024ae  warning   firing for 28s  WebhookResponseTime",
        "      1.8, threshold 1  job=shop",
    ]


def test_an_alert_that_recovers_says_since_when_its_condition_has_cleared(capsys):
    line = listed(capsys, state="recovering", recovering_at=HELD_AT, reason="recovered")
    assert line == "262c248d761024ae  warning   recovering since 02:15:58  WebhookResponseTime"


def test_an_alert_that_is_held_says_since_when_it_is_held(capsys):
    held = {"state": "held", "resolved_at": HELD_AT, "reason": "manual"}
    line = listed(capsys, **held)
    print_alert(alert(**held))
    assert line == "262c248d761024ae  warning   held since 02:15:58  WebhookResponseTime"
    assert "held since 02:15:58, manual" in capsys.readouterr().out


def test_matchers_of_a_silence_are_never_cut(capsys):
    print_silences(
        [
            {
                "id": "54e67dac-c3f6-4c82-bb25-d9594ffe102d",
                "status": {"state": "active"},
                "matchers": [{"name": "alertname", "value": "RedisLatency", "isRegex": False, "isEqual": True}],
                "endsAt": "2026-11-25T04:15:00Z",
                "createdBy": "root",
                "comment": "the Redis team knows of it and is at work",
            }
        ]
    )
    printed = capsys.readouterr().out
    column = printed.splitlines()[0].index("MATCHERS")
    end = printed.splitlines()[0].index("ENDS")
    assert "".join(line[column:end].strip() for line in printed.splitlines()[1:]) == 'alertname="RedisLatency"'


def test_moves_say_who_made_them_and_why(capsys):
    print_moves([{"state": "resolved", "at": HELD_AT, "reason": "manual", "actor": "admin", "why": "rolled back"}])
    assert capsys.readouterr().out.splitlines()[-1].split() == [
        "resolved", "2026-11-25", "02:15:58.000", "manual", "admin", "rolled", "back",
    ]  # fmt: skip


def shown(capsys, **changes):
    """The rows of an alert that are about its numbers and its cause."""
    print_alert(alert(**changes))
    rows = [line.split("  ", 1) for line in capsys.readouterr().out.splitlines()[1:]]
    return [" ".join(" ".join(row).split()) for row in rows]


def test_an_alert_shows_its_peak_where_it_comes_from_and_how_many_were_bad(capsys):
    rows = shown(capsys)
    assert rows[3:6] == ["value 1.8, threshold 1, peak 2.5", "trend 0.2 a minute ago", "counts 12 of 60 were bad"]


def test_an_alert_about_failures_shows_causes_and_responses(capsys):
    cause = {
        "share": 0.75,
        "error_type": "redis.ConnectionError",
        "reason": "connection refused",
        "span": "GET",
        "phase": "cache_lookup",
        "message": "",
        "line": "hooks.py:42",
    }
    other = cause | {
        "share": 0.25,
        "error_type": "KeyError",
        "reason": "",
        "message": "'id'",
        "line": "",
        "phase": None,
    }
    responses = [{"count": 30.0, "outcome": "error", "status_code": 500, "provider": "stripe"}]
    rows = shown(
        capsys,
        cause="connection refused (redis.ConnectionError) in cache_lookup, 75% of the failures",
        evidence={"errors": {"causes": [cause, other], "responses": responses}},
    )
    assert rows[7:] == [
        "to blame connection refused (redis.ConnectionError) in cache_lookup, 75% of the failures",
        "causes 75% connection refused (redis.ConnectionError) in cache_lookup at hooks.py:42",
        "25% KeyError in GET: 'id'",
        "responses 30 error 500 to stripe",
    ]
