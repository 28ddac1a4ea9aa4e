"""Nothing personal is kept or told of a trace, whoever sent it: the rules of the library, for senders without it.

Memory holds few attributes of a span anyway, see `KEPT_ATTRIBUTES`.
"""

from lapbell import semconv
from lapbell.scrubber import cut, quotes_data, scrub, scrub_name
from lapbell_evaluator.model import Labels, Span, SpanEvent, Trace

__all__ = ["scrubbed"]


def scrubbed(trace: Trace) -> Trace:
    """The trace without secrets, addresses, numbers and tokens, every text cut at 1,024 characters."""
    return Trace(trace.trace_id, tuple(_span(span) for span in trace.spans), trace.cut)


def _span(span: Span) -> Span:
    return Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_id=span.parent_id,
        name=scrub_name(span.name),
        kind=span.kind,
        start_ns=span.start_ns,
        end_ns=span.end_ns,
        failed=span.failed,
        job=cut(span.job),
        instance=cut(span.instance),
        attributes=tuple((name, _text(name, value)) for name, value in span.attributes),
        events=tuple(_event(event) for event in span.events),
    )


def _event(event: SpanEvent) -> SpanEvent:
    message_is_data = quotes_data(event.attribute(semconv.EXCEPTION_TYPE))
    attributes: Labels = tuple(
        (name, "" if name == semconv.EXCEPTION_MESSAGE and message_is_data else _text(name, value))
        for name, value in event.attributes
    )
    return SpanEvent(scrub_name(event.name), event.time_ns, attributes)


def _text(name: str, value: str) -> str:
    """A value as the library sends it: what names a thing stays whole, and so does where in the code something was."""
    if name in semconv.NAMES_OF_THINGS or name in _PLACES:
        return cut(value)
    return scrub_name(value) if name in semconv.NAMES_OF_WORK else scrub(value)


_PLACES = frozenset(
    {semconv.EXCEPTION_STACKTRACE, semconv.HTTP_RESPONSE_STATUS_CODE, semconv.PENDING_AGE, semconv.PENDING_SPAN_ID}
)
