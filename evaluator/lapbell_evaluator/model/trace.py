"""Finished spans, and the trace that they make."""

from dataclasses import dataclass
from enum import StrEnum

from lapbell import semconv

__all__ = ["IncidentTrace", "Span", "SpanEvent", "Trace", "TraceRole", "TraceView"]


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An exception of a span that failed, or an open span of a request that still runs.

    Attributes:
        name: `exception`, or the name of the open span.
        time_ns: Unix nanoseconds.
        attributes: values as text, cut.
    """

    name: str
    time_ns: int
    attributes: tuple[tuple[str, str], ...] = ()

    def attribute(self, name: str) -> str:
        """The value of an attribute, empty if absent."""
        return next((value for key, value in self.attributes if key == name), "")


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span of one service.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: 16 hex digits, empty for the first span of a trace.
        name: low-cardinality name.
        kind: OpenTelemetry's number: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
        failed: its status is error.
        job: the sender, `namespace/name`.
        instance: which process of the sender.
        attributes: values as text, of those that are kept.
        events: of those that are kept.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    failed: bool
    job: str
    instance: str
    attributes: tuple[tuple[str, str], ...]
    events: tuple[SpanEvent, ...] = ()

    def attribute(self, name: str) -> str:
        """The value of an attribute, empty if absent."""
        return next((value for key, value in self.attributes if key == name), "")

    @property
    def exception(self) -> SpanEvent | None:
        """The exception that left it; None if none did, or none was recorded."""
        return next((event for event in self.events if event.name == semconv.EXCEPTION_EVENT), None)

    @property
    def duration_s(self) -> float:
        """Seconds from start to end, never negative."""
        return max(0, self.end_ns - self.start_ns) / 1e9

    @property
    def end_s(self) -> float:
        """Unix seconds of its end."""
        return self.end_ns / 1e9


@dataclass(frozen=True, slots=True)
class Trace:
    """The spans of one trace, in no order.

    Attributes:
        trace_id: 32 hex digits.
        spans: each once.
        cut: how many more there were, that were not kept.
    """

    trace_id: str
    spans: tuple[Span, ...]
    cut: int = 0

    def with_spans_of(self, other: "Trace") -> "Trace":
        """The spans of both, each once; what is missing is what the one with more of it lacked, less what was found."""
        spans = {span.span_id: span for span in (*other.spans, *self.spans)}
        known = max(len(self.spans) + self.cut, len(other.spans) + other.cut)
        return Trace(self.trace_id, tuple(spans.values()), max(0, known - len(spans)))


class TraceRole(StrEnum):
    """What a trace shows of its incident: one of the worst requests, or how things were before."""

    EXAMPLE = "example"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class IncidentTrace:
    """A trace that is kept with an incident.

    Attributes:
        incident_id: of the incident.
        role: what it shows.
        at: Unix seconds when it was written.
        trace: scrubbed and bounded.
    """

    incident_id: str
    role: TraceRole
    at: float
    trace: Trace


@dataclass(frozen=True, slots=True)
class TraceView:
    """A trace as people ask for it.

    Attributes:
        trace: every span that is known.
        kept_with: the ids of the incidents that it is kept with, and what it shows of each.
        is_recent: whether some of it is in memory.
    """

    trace: Trace
    kept_with: tuple[tuple[str, TraceRole], ...]
    is_recent: bool
