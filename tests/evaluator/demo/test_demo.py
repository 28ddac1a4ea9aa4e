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


def test_the_demo_does_not_judge_the_machine_that_it_runs_on():
    settings = load(None, evaluator_environment(Path("data"), 1, 2, 3))
    limits = settings.thresholds
    assert limits.system_utilization_warning == 100
    assert limits.system_utilization_critical == 100
