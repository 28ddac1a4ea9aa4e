"""What an alert is about: which evidence it needs."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import ALERT_NAME
from lapbell_evaluator.model.prometheus_names import label

__all__ = ["Kind", "kind_of_alert", "subject_of"]


_JOB: Final = "job"
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_OPERATION: Final = label(semconv.DB_OPERATION_NAME)
_CATEGORY: Final = "category"  # `redis` is also the name of all Redis operations


class Kind(StrEnum):
    """The kinds of alerts that have evidence of their own."""

    LATENCY = "latency"
    ERRORS = "errors"
    REDIS_LATENCY = "redis_latency"
    REDIS_ERRORS = "redis_errors"
    QUEUE = "queue"
    HOST = "host"
    IN_FLIGHT = "in_flight"
    TASK_IN_FLIGHT = "task_in_flight"
    EVENT_LOOP = "event_loop"
    CIRCUIT = "circuit"
    OTHER = "other"


_BY_NAME: Final = {
    "WebhookResponseTime": Kind.LATENCY,
    "WebhookErrorRate": Kind.ERRORS,
    "WebhookStuck": Kind.IN_FLIGHT,
    "EventLoopBlocked": Kind.EVENT_LOOP,
    "RedisLatency": Kind.REDIS_LATENCY,
    "RedisFailureRate": Kind.REDIS_ERRORS,
    "RedisCircuitOpen": Kind.CIRCUIT,
    "CircuitOpen": Kind.CIRCUIT,
    "TaskStuck": Kind.TASK_IN_FLIGHT,
}
"""The alerts that lapbell brings and whose labels do not tell."""

_BY_LABEL: Final = (
    (label(semconv.CIRCUIT_BREAKER_NAME), Kind.CIRCUIT),
    (label(semconv.MESSAGING_DESTINATION_NAME), Kind.QUEUE),
    (label(semconv.DB_OPERATION_NAME), Kind.REDIS_LATENCY),
    (label(semconv.HTTP_ROUTE), Kind.LATENCY),
)
_BY_CATEGORY: Final = {"redis": Kind.REDIS_LATENCY, "task_queue": Kind.QUEUE, "system": Kind.HOST}
_OF_FAILURES: Final = {Kind.LATENCY: Kind.ERRORS, Kind.REDIS_LATENCY: Kind.REDIS_ERRORS}
_FAILURE: Final = re.compile(r"err|fail|5xx|exception|abandon|reject", re.IGNORECASE)


def kind_of_alert(labels: Mapping[str, str]) -> Kind:
    """The kind by the alert's name, else by what its labels name; a user's rule about failures says so in its name."""
    name = labels.get(ALERT_NAME, "")
    if name in _BY_NAME:
        return _BY_NAME[name]
    named = (kind for of, kind in _BY_LABEL if labels.get(of))
    kind = next(named, _BY_CATEGORY.get(labels.get("category", ""), Kind.OTHER))
    return _OF_FAILURES.get(kind, kind) if _FAILURE.search(name) else kind


def subject_of(labels: Mapping[str, str]) -> tuple[str, str]:
    """The service that an alert is about, and the route, the Redis command or `redis` that its traces are of."""
    about = labels.get(_ROUTE) or labels.get(_OPERATION) or labels.get(_CATEGORY, "")
    return labels.get(_JOB, ""), about
