"""What Prometheus' routes take, described for the OpenAPI document: they read a query string or a form themselves.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

from collections.abc import Sequence
from typing import Any, Final

from lapbell import semconv
from lapbell_evaluator.model.prometheus_names import SECONDS, metric

__all__ = ["in_form", "in_query"]

Json = dict[str, Any]

_TIME: Final = "Unix seconds or RFC 3339"
_QUERY: Final = f"sum by (job) (rate({metric(semconv.WEBHOOK_REQUEST_DURATION, SECONDS)}_count[5m]))"
_TEXT: Final[Json] = {"type": "string"}
_TEXTS: Final[Json] = {"type": "array", "items": _TEXT}
_PARAMETERS: Final[dict[str, tuple[Json, str]]] = {
    "query": ({**_TEXT, "examples": [_QUERY]}, "PromQL."),
    "time": ({**_TEXT, "examples": ["2026-11-24T21:05:00Z"]}, f"{_TIME}; now if absent."),
    "start": ({**_TEXT, "examples": ["2026-11-24T21:00:00Z"]}, f"{_TIME}."),
    "end": ({**_TEXT, "examples": ["2026-11-24T21:05:00Z"]}, f"{_TIME}."),
    "step": ({**_TEXT, "examples": ["15s"]}, "Seconds, or a duration such as 1m30s."),
    "match[]": ({**_TEXTS, "examples": [["up"]]}, "Selectors of series; any may match."),
    "metric": (_TEXT, "Only this metric."),
    "limit": ({**_TEXT, "examples": ["10"]}, "How many at most; 0 for all."),
    "type": ({**_TEXT, "enum": ["alert", "record"]}, "Only rules of this kind."),
    "rule_name[]": (_TEXTS, "Only rules of these names."),
    "rule_group[]": (_TEXTS, "Only groups of these names."),
    "file[]": (_TEXTS, "Only groups of these files."),
}


def in_query(*, required: Sequence[str] = (), optional: Sequence[str] = ()) -> Json:
    """Parameters of the query string, as an addition to an operation of the OpenAPI document."""
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in required, "schema": schema, "description": description}
            for name in (*required, *optional)
            for schema, description in (_PARAMETERS[name],)
        ]
    }


def in_form(*, required: Sequence[str] = (), optional: Sequence[str] = ()) -> Json:
    """The same parameters as a form, as an addition to an operation of the OpenAPI document."""
    fields = {name: {**_PARAMETERS[name][0], "description": _PARAMETERS[name][1]} for name in (*required, *optional)}
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}
