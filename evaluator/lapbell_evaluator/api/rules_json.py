"""Rule groups and alerts as Prometheus' HTTP API writes them, in pieces: one rule may have thousands of alerts.

Source: prometheus.io/docs/prometheus/latest/querying/api, "Rules" and "Alerts".
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from lapbell_evaluator.api.answers import array, as_json, joined, obj
from lapbell_evaluator.api.prometheus_json import number
from lapbell_evaluator.model import AlertView, GroupView, RuleKind, RuleView, State

__all__ = ["alert_json", "group_json"]

_NEVER: Final = "0001-01-01T00:00:00Z"
_SHOWN: Final = (State.PENDING, State.FIRING)

Json = dict[str, Any]


def group_json(view: GroupView, rules: list[RuleView]) -> Iterator[bytes]:
    """A group with those of its rules that were asked for."""
    return obj(
        {
            **_values({"name": view.group.name, "file": view.group.file}),
            **_values({"interval": view.interval_s, "limit": view.group.limit}),
            "rules": joined(_rule(rule) for rule in rules),
            **_values({"evaluationTime": view.duration_s, "lastEvaluation": _moment(view.evaluated_at)}),
        }
    )


def alert_json(view: AlertView) -> bytes:
    """An alert that is pending or firing."""
    return as_json(
        {
            "labels": dict(view.alert.labels),
            "annotations": dict(view.annotations),
            "state": view.alert.state.value,
            "activeAt": _moment(view.alert.active_at),
            "value": number(view.alert.value),
        }
    )


def _rule(view: RuleView) -> Iterator[bytes]:
    status = view.status
    common: Json = {
        "name": view.rule.name,
        "query": view.rule.expr,
        "labels": dict(view.labels),
        "health": "unknown" if status is None else "err" if status.error else "ok",
        "evaluationTime": 0.0 if status is None else status.duration_s,
        "lastEvaluation": _moment(None if status is None else status.evaluated_at),
    }
    if status is not None and status.error:
        common["lastError"] = status.error
    if view.rule.kind is RuleKind.RECORDING:
        return obj(_values({**common, "type": "recording"}))
    alerting = {
        **common,
        "type": "alerting",
        "state": (view.state if view.state in _SHOWN else State.INACTIVE).value,
        "duration": view.rule.for_s,
        "keepFiringFor": view.rule.keep_firing_for_s,
        "annotations": dict(view.rule.annotations),
    }
    alerts = array(alert_json(alert) for alert in view.alerts if alert.alert.state in _SHOWN)
    return obj({**_values(alerting), "alerts": alerts})


def _values(fields: Json) -> dict[str, Iterable[bytes]]:
    return {name: (as_json(value),) for name, value in fields.items()}


def _moment(seconds: float | None) -> str:
    return _NEVER if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
