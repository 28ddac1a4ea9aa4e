"""What an incident is about, as far as one may explain another."""

from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.kind import Kind, kind_of_alert
from lapbell_evaluator.evidence.redis import RedisServer
from lapbell_evaluator.model import ALERT_NAME, Evidence, Incident
from lapbell_evaluator.model.prometheus_names import label

__all__ = ["Subject", "Topic"]

_QUEUE: Final = (label(semconv.MESSAGING_SYSTEM), label(semconv.MESSAGING_DESTINATION_NAME))
_ROUTE: Final = label(semconv.HTTP_ROUTE)
_NOTHING: Final = Evidence()
_TOGETHER_S: Final = 300.0  # the longest window of a shipped rule


class Topic(StrEnum):
    """What incidents are about that may explain others, or be explained; causes stand above their effects."""

    REDIS_ERRORS = auto()
    REDIS_LATENCY = auto()
    REDIS_CIRCUIT = auto()
    CIRCUIT = auto()
    EVENT_LOOP = auto()
    STUCK = auto()
    LATENCY = auto()
    ERRORS = auto()
    TASK_STUCK = auto()
    TASK_FAILURES = auto()
    STALLED = auto()
    TASK_TIME = auto()
    DEPTH = auto()
    AGE = auto()
    UTILISATION = auto()
    BACKPRESSURE = auto()
    OTHER = auto()


_OF_KIND: Final = {
    Kind.REDIS_ERRORS: Topic.REDIS_ERRORS,
    Kind.REDIS_LATENCY: Topic.REDIS_LATENCY,
    Kind.EVENT_LOOP: Topic.EVENT_LOOP,
    Kind.IN_FLIGHT: Topic.STUCK,
    Kind.LATENCY: Topic.LATENCY,
    Kind.ERRORS: Topic.ERRORS,
    Kind.TASK_IN_FLIGHT: Topic.TASK_STUCK,
}
_OF_QUEUE: Final = {
    "TaskQueueStalled": Topic.STALLED,
    "TaskProcessingTime": Topic.TASK_TIME,
    "TaskFailureRate": Topic.TASK_FAILURES,
    "TaskQueueDepth": Topic.DEPTH,
    "TaskQueueAge": Topic.AGE,
    "WorkerUtilization": Topic.UTILISATION,
    "TaskQueueBackpressure": Topic.BACKPRESSURE,
}
"""What a queue's alert is about is in its name alone: a rule of somebody else's may mean anything."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One incident, read once.

    Attributes:
        incident: the incident.
        topic: what it is about.
        job: the service; empty for a queue.
        route: its `http.route`; empty if it is about no route.
        queue: system and destination; empty texts if it is about no queue.
        server: the Redis server that it is about.
        evidence: what was collected; empty if nothing was yet.
    """

    incident: Incident
    topic: Topic
    job: str
    route: str
    queue: tuple[str, ...]
    server: RedisServer
    evidence: Evidence

    @classmethod
    def of(cls, incident: Incident) -> "Subject":
        """What an incident is about."""
        labels = dict(incident.labels)
        evidence = incident.evidence or _NOTHING
        return cls(
            incident,
            _topic(kind_of_alert(labels), labels.get(ALERT_NAME, ""), evidence),
            labels.get("job", ""),
            labels.get(_ROUTE, ""),
            tuple(labels.get(name, "") for name in _QUEUE),
            RedisServer.of(labels),
            evidence,
        )

    def began_shortly_before(self, other: "Subject") -> bool:
        """Whether it fired first, within five minutes; of two that fired together one always did."""
        return self.age < other.age and other.age[0] - self.age[0] <= _TOGETHER_S

    @property
    def age(self) -> tuple[float, str]:
        """Unix seconds when it fired, and its id, by which no two are the same."""
        fired_at = self.incident.fired_at
        return (self.incident.opened_at if fired_at is None else fired_at, self.incident.id)


def _topic(kind: Kind, name: str, evidence: Evidence) -> Topic:
    if kind is Kind.QUEUE:
        return _OF_QUEUE.get(name, Topic.OTHER)
    if kind is Kind.CIRCUIT:
        is_redis = name == "RedisCircuitOpen" or (evidence.circuit is not None and evidence.circuit.is_redis)
        return Topic.REDIS_CIRCUIT if is_redis else Topic.CIRCUIT
    return _OF_KIND.get(kind, Topic.OTHER)
