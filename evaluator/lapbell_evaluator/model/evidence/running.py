"""What runs and does not end."""

from dataclasses import dataclass

__all__ = ["InFlightEvidence", "OpenSpan", "RunningRequest"]


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span that had begun and not ended.

    Attributes:
        name: of the span.
        phase: the phase that it is; None if it is none.
        began_at: Unix seconds.
    """

    name: str
    phase: str | None
    began_at: float


@dataclass(frozen=True, slots=True)
class RunningRequest:
    """A request or a task that runs, as it was last heard of.

    Attributes:
        trace_id: 32 hex digits.
        began_at: Unix seconds.
        age_s: seconds since then, when it was last heard of.
        route: its `http.route`.
        provider: who sent it; empty if unknown.
        phase: what it does now; None outside of phases.
        spans: those that are open, the outermost first.
        task: the name of the task, if it is one; `route` is empty then.
    """

    trace_id: str
    began_at: float
    age_s: float
    route: str
    provider: str
    phase: str | None
    spans: tuple[OpenSpan, ...] = ()
    task: str = ""


@dataclass(frozen=True, slots=True)
class InFlightEvidence:
    """What runs and does not end.

    Attributes:
        oldest: the requests that run longest, the oldest first.
    """

    oldest: tuple[RunningRequest, ...] = ()
