"""What an incident shows to people beside its value: what is to blame, and examples of it."""

from dataclasses import dataclass, fields, is_dataclass, replace

from lapbell_evaluator.model.evidence.failures import ErrorEvidence
from lapbell_evaluator.model.evidence.host import HostEvidence
from lapbell_evaluator.model.evidence.latency import EventLoopEvidence, LatencyEvidence, PhaseShare
from lapbell_evaluator.model.evidence.queue import QueueEvidence
from lapbell_evaluator.model.evidence.redis import CircuitEvidence, RedisEvidence
from lapbell_evaluator.model.evidence.running import InFlightEvidence

__all__ = ["Evidence"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Attached to an incident when it fires.

    Attributes:
        blame: of an alert about latency: shares of time by phase, the largest first; empty where phases do not apply.
        trace_ids: 32 hex digits each, of slow or failing requests inside the breaching window, the worst first.
        latency: of an alert about the time of requests.
        errors: of an alert about requests that fail.
        redis: of an alert about Redis.
        queue: of an alert about a queue.
        host: of an alert about a machine.
        in_flight: of an alert about what runs and does not end.
        event_loop: of an alert about the event loop.
        circuit: of an alert about a circuit breaker.
    """

    blame: tuple[PhaseShare, ...] = ()
    trace_ids: tuple[str, ...] = ()
    latency: LatencyEvidence | None = None
    errors: ErrorEvidence | None = None
    redis: RedisEvidence | None = None
    queue: QueueEvidence | None = None
    host: HostEvidence | None = None
    in_flight: InFlightEvidence | None = None
    event_loop: EventLoopEvidence | None = None
    circuit: CircuitEvidence | None = None

    def with_newer(self, newer: "Evidence") -> "Evidence":
        """What was collected later of the same breach, and of what is empty there, what was collected before.

        The phases to blame and what explains them belong together.
        """
        stays = [part.name for part in fields(self) if _is_empty(getattr(newer, part.name))]
        if newer.blame and "latency" in stays:
            stays.remove("latency")
        return replace(newer, **{name: getattr(self, name) for name in stays})

    @property
    def phase(self) -> str | None:
        """The phase to blame: that took the time, in which requests fail, or in which the oldest request is."""
        if self.blame:
            return self.blame[0].phase
        if self.errors is not None and self.errors.causes:
            return self.errors.causes[0].phase
        if self.in_flight is not None and self.in_flight.oldest:
            return self.in_flight.oldest[0].phase
        return None

    @property
    def phase_share(self) -> float | None:
        """The share of the excess, or of the failures, that `phase` has; None where there is none to tell."""
        if self.blame:
            return self.blame[0].share
        if self.phase is None or self.errors is None:
            return None
        return sum(cause.share for cause in self.errors.causes if cause.phase == self.phase)


def _is_empty(part: object) -> bool:
    """Whether a part of evidence holds nothing: no number but 0, no text, no row."""
    if is_dataclass(part) and not isinstance(part, type):
        return all(_is_empty(getattr(part, field.name)) for field in fields(part))
    return not part
