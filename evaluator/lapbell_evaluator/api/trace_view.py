"""One trace as the JSON that people and programs read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.api.trace_schemas import KeptWith, TraceDetail, TraceEvent, TracePart, TraceRequest, TraceSpan
from lapbell_evaluator.evidence import Request, phase_of
from lapbell_evaluator.model import Span, SpanEvent, TraceRole, TraceView

__all__ = ["trace_around", "trace_spans"]

_KINDS: Final = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_NS_PER_S: Final = 1e9


@dataclass(frozen=True, slots=True)
class _Begin:
    """The beginning of a trace, Unix nanoseconds: differences are taken before they become floats."""

    at_ns: int

    def offset(self, at_ns: int) -> float:
        """Seconds from then on."""
        return (at_ns - self.at_ns) / _NS_PER_S


def trace_around(view: TraceView, requests: tuple[Request, ...]) -> TraceDetail:
    """A trace without its spans.

    Args:
        view: the trace, and where it is kept.
        requests: as `requests_of` finds them.
    """
    spans = view.trace.spans
    begin = _begin(view)
    return TraceDetail(
        trace_id=view.trace.trace_id,
        start=begin.at_ns / _NS_PER_S,
        duration=max((begin.offset(max(span.start_ns, span.end_ns)) for span in spans), default=0.0),
        services=sorted({span.job for span in spans}),
        spans_cut=view.trace.cut,
        in_memory=view.is_recent,
        kept_with=[_kept_with(*each) for each in view.kept_with],
        requests=[_request(request, begin) for request in requests],
        spans=[],
    )


def trace_spans(view: TraceView, requests: tuple[Request, ...]) -> Iterator[TraceSpan]:
    """The spans of a trace in the order of their starts; arguments as `trace_around`."""
    owned: Counter[tuple[str, str, str]] = Counter()
    for request in requests:
        for part in request.parts:
            owned[request.root.job, request.root.instance, part.span_id] += part.end_ns - part.start_ns
    begin = _begin(view)
    for span in sorted(view.trace.spans, key=lambda span: (span.start_ns, -span.end_ns, span.span_id)):
        yield _span(span, owned[span.job, span.instance, span.span_id], begin)


def _begin(view: TraceView) -> _Begin:
    return _Begin(min((span.start_ns for span in view.trace.spans), default=0))


def _kept_with(incident_id: str, role: TraceRole) -> KeptWith:
    return KeptWith(alert_key=incident_id.partition("-")[0], incident_id=incident_id, role=role.value)


def _request(request: Request, begin: _Begin) -> TraceRequest:
    root = request.root
    return TraceRequest(
        span_id=root.span_id,
        service=root.job,
        instance=root.instance,
        route=root.attribute(semconv.HTTP_ROUTE),
        offset=begin.offset(root.start_ns),
        duration=root.duration_s,
        phases={phase: spent_ns / _NS_PER_S for phase, spent_ns in sorted(request.phases_ns().items())},
        critical_path=[
            TracePart(
                span_id=part.span_id,
                phase=part.phase,
                offset=begin.offset(part.start_ns),
                duration=(part.end_ns - part.start_ns) / _NS_PER_S,
            )
            for part in request.parts
        ],
    )


def _span(span: Span, own_ns: int, begin: _Begin) -> TraceSpan:
    return TraceSpan(
        span_id=span.span_id,
        parent_id=span.parent_id or None,
        name=span.name,
        kind=_KINDS.get(span.kind, "unspecified"),
        service=span.job,
        instance=span.instance,
        start=span.start_ns / _NS_PER_S,
        offset=begin.offset(span.start_ns),
        duration=span.duration_s,
        self_time=own_ns / _NS_PER_S,
        phase=phase_of(span),
        status="error" if span.failed else "unset",
        attributes=dict(span.attributes),
        events=[_event(event, begin) for event in span.events],
    )


def _event(event: SpanEvent, begin: _Begin) -> TraceEvent:
    return TraceEvent(name=event.name, offset=begin.offset(event.time_ns), attributes=dict(event.attributes))
