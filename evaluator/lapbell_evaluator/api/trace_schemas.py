"""The JSON of one trace. Times are seconds; an `offset` is from the beginning of the trace."""

from typing import Literal

from lapbell_evaluator.api.schemas import Body

__all__ = ["KeptWith", "TraceDetail", "TraceEvent", "TracePart", "TraceRequest", "TraceSpan"]


class KeptWith(Body):
    """An incident that a trace is kept with; `role` is `example` for a bad one, `normal` for how things were before."""

    alert_key: str
    incident_id: str
    role: Literal["example", "normal"]


class TracePart(Body):
    """A time of a request that one span owns: what runs below that span was not what the request waited for."""

    span_id: str
    phase: str
    offset: float
    duration: float


class TraceRequest(Body):
    """What one process did for a trace, below its span `span_id`.

    `critical_path` has no gaps, `phases` are its sums, and both add up to `duration`.
    """

    span_id: str
    service: str
    instance: str
    route: str
    offset: float
    duration: float
    phases: dict[str, float]
    critical_path: list[TracePart]


class TraceEvent(Body):
    """An exception that left a span, or an open span of a request that still runs."""

    name: str
    offset: float
    attributes: dict[str, str]


class TraceSpan(Body):
    """A span; `self_time` is its part of the critical path of its request, `phase` is null if it stands for none."""

    span_id: str
    parent_id: str | None
    name: str
    kind: str
    service: str
    instance: str
    start: float
    offset: float
    duration: float
    self_time: float
    phase: str | None
    status: Literal["error", "unset"]
    attributes: dict[str, str]
    events: list[TraceEvent]


class TraceDetail(Body):
    """A trace, its spans in the order of their starts; `spans_cut` is how many more there were."""

    trace_id: str
    start: float
    duration: float
    services: list[str]
    spans_cut: int
    in_memory: bool
    kept_with: list[KeptWith]
    requests: list[TraceRequest]
    spans: list[TraceSpan]
