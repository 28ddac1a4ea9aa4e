"""Protobuf bytes of a traces export become spans; logs are counted."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from lapbell_evaluator.evidence import (
    CLIENT,
    KEPT_ATTRIBUTES,
    KEPT_OF_CALLS,
    Span,
    SpanEvent,
    kept_events,
    may_have_events,
)
from lapbell_evaluator.model import Labels
from lapbell_evaluator.receiver.attributes import MOST_KEY_BYTES, attribute_pairs, pairs_of, size_of, text_of
from lapbell_evaluator.receiver.messages import ExportTraces, ResourceSpans
from lapbell_evaluator.receiver.messages import Span as SpanMessage
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.resource import INSTANCE, JOB, target_of
from lapbell_evaluator.receiver.schema import LITE

__all__ = [
    "BAD_IDS",
    "ERROR",
    "RESOURCE_TOO_LARGE",
    "SPAN_ID_BYTES",
    "TRACE_ID_BYTES",
    "DecodedSpans",
    "count_logs",
    "decode_spans",
]

ERROR: Final = 2
TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
BAD_IDS: Final = "spans whose ids are not 16 and 8 bytes"
RESOURCE_TOO_LARGE: Final = "spans of a resource whose attributes are too large"
_KEPT_KEYS: Final = frozenset(name.encode() for name in KEPT_ATTRIBUTES)
_KEPT_KEYS_OF_CALLS: Final = frozenset(name.encode() for name in KEPT_OF_CALLS)


@dataclass(frozen=True, slots=True)
class DecodedSpans:
    """What a traces export holds.

    Attributes:
        spans: in the order sent.
        rejected: number of spans that were not taken, by reason.
    """

    spans: tuple[Span, ...]
    rejected: dict[str, int]


def decode_spans(body: bytes) -> DecodedSpans:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        Refusal: the bytes are no such message.
    """
    try:
        return _decoded(LITE.traces.FromString(body))
    except DecodeError as error:
        raise _undecodable("traces", error) from None


def _decoded(export: ExportTraces) -> DecodedSpans:
    spans: list[Span] = []
    rejected: Counter[str] = Counter()
    for resource in export.resource_spans:
        key = tuple(resource.resource.attributes)
        if size_of(key) > MOST_KEY_BYTES:
            rejected[RESOURCE_TOO_LARGE] += sum(len(scope.spans) for scope in resource.scope_spans)
            continue
        own = target_of(attribute_pairs(key)).own
        for span in _spans_of(resource):
            if len(span.trace_id) == TRACE_ID_BYTES and len(span.span_id) == SPAN_ID_BYTES:
                spans.append(_span(span, own))
            else:
                rejected[BAD_IDS] += 1
    return DecodedSpans(tuple(spans), dict(rejected))


def count_logs(body: bytes) -> int:
    """How many records an `ExportLogsServiceRequest` holds.

    Raises:
        Refusal: the bytes are no such message.
    """
    try:
        export = LITE.logs.FromString(body)
    except DecodeError as error:
        raise _undecodable("logs", error) from None
    return sum(len(scope.log_records) for resource in export.resource_logs for scope in resource.scope_logs)


def _spans_of(resource: ResourceSpans) -> Iterator[SpanMessage]:
    for scope in resource.scope_spans:
        yield from scope.spans


def _span(span: SpanMessage, own: Labels) -> Span:
    sender, name, failed = dict(own), text_of(span.name), span.status.code == ERROR
    kept = _KEPT_KEYS_OF_CALLS if span.kind == CLIENT else _KEPT_KEYS
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=failed,
        job=sender.get(JOB, ""),
        instance=sender.get(INSTANCE, ""),
        attributes=tuple(pairs_of(attribute for attribute in span.attributes if attribute.key in kept)),
        events=kept_events(name, _events(span)) if may_have_events(name, failed=failed) else (),
    )


def _events(span: SpanMessage) -> Iterator[SpanEvent]:
    for raw in span.events:
        event = LITE.span_event.FromString(raw)
        yield SpanEvent(text_of(event.name), event.time_unix_nano, tuple(pairs_of(event.attributes)))


def _undecodable(signal: str, error: DecodeError) -> Refusal:
    return Refusal(
        Reason.UNDECODABLE, f"The body is not an OTLP {signal} export: {error}.", "Send protobuf as OTLP defines it."
    )
