"""What the demo shows of its alert, and what its evaluator leaves alone."""

from pathlib import Path
from typing import Any

from lapbell_evaluator.config import load
from lapbell_evaluator.demo.chronicle import Chronicle
from lapbell_evaluator.demo.stage import evaluator_environment


def answer(state: str, **times: float | None) -> dict[str, Any]:
    alert = {
        "alert_key": "0" * 16,
        "alertname": "WebhookResponseTime",
        "severity": "warning",
        "state": state,
        "message": "slow",
        "cause": "",
        "metric_value": None,
        "fired_at": 100.0,
        "duration": 60.0,
        "recovering_at": None,
        "resolved_at": None,
        "phase_to_blame": "signature_validation",
        "trace_urls": ["http://127.0.0.1:8740/api/performance/traces/ab"],
        **times,
    }
    is_over = state == "resolved"
    return {"alerts": [] if is_over else [alert], "recently_resolved": [alert] if is_over else []}


def test_each_number_of_seconds_says_what_it_counts():
    chronicle = Chronicle()
    chronicle.observe(20.0, answer("firing"))
    chronicle.observe(80.0, answer("recovering", recovering_at=160.0))
    chronicle.observe(86.0, answer("resolved", recovering_at=160.0, resolved_at=166.0))
    assert [entry.text for entry in chronicle.entries] == [
        "FIRING warning: slow",
        "recovering: WebhookResponseTime fired for 60 s; resolved if it stays clear",
        "RESOLVED: WebhookResponseTime fired for 60 s and stayed clear for 6 s",
    ]


def test_a_link_that_opens_is_shown_with_what_is_behind_it_and_one_that_does_not_is_a_complaint():
    chronicle = Chronicle()
    chronicle.observe(20.0, answer("firing"))
    chronicle.observe(86.0, answer("resolved", recovering_at=160.0, resolved_at=166.0))
    complaints = chronicle.complaints()
    ((identity, url),) = chronicle.unopened().items()
    begun = {"route": "", "duration": 0.1, "phases": {"validation": 0.1}}
    chronicle.observe_trace(20.5, identity, url, {"requests": [begun]})
    whole = {"route": "/w", "duration": 1.5, "phases": {"other": 0.25, "signature_validation": 1.25}}
    chronicle.observe_trace(21.0, identity, url, {"requests": [whole]})
    assert complaints == ["no link of WebhookResponseTime to a trace has opened"]
    assert chronicle.complaints() == []
    assert chronicle.entries[-1].text == f"its trace opens: 1.25 of 1.50 s are signature_validation: {url}"


def test_the_demo_does_not_judge_the_machine_that_it_runs_on():
    settings = load(None, evaluator_environment(Path("data"), 1, 2, 3))
    limits = settings.thresholds
    assert limits.system_utilization_warning == 100
    assert limits.system_utilization_critical == 100
