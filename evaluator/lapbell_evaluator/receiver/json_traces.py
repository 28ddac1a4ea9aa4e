"""JSON bytes of a traces export become spans; logs are counted."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

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
from lapbell_evaluator.receiver import json_messages as messages
from lapbell_evaluator.receiver.attributes import MOST_KEY_BYTES, size_of
from lapbell_evaluator.receiver.json_body import decoded
from lapbell_evaluator.receiver.json_names import parsed
from lapbell_evaluator.receiver.json_values import SPAN_KINDS, STATUS_CODES, enum_number, json_pairs, unsigned
from lapbell_evaluator.receiver.resource import INSTANCE, JOB, target_of
from lapbell_evaluator.receiver.spans import (
    BAD_IDS,
    ERROR,
    RESOURCE_TOO_LARGE,
    SPAN_ID_BYTES,
    TRACE_ID_BYTES,
    DecodedSpans,
)

__all__ = ["count_json_logs", "decode_json_spans"]

_TRACES: Final = msgspec.json.Decoder(messages.ExportTraces)
_LOGS: Final = msgspec.json.Decoder(messages.ExportLogs)


def decode_json_spans(body: bytes) -> DecodedSpans:
    """The spans of an `ExportTraceServiceRequest` in JSON.

    Raises:
        Refusal: the bytes are no such message.
    """
    with decoded("traces", body):
        return _decode(parsed(_TRACES, body))


def count_json_logs(body: bytes) -> int:
    """How many records an `ExportLogsServiceRequest` in JSON holds.

    Raises:
        Refusal: the bytes are no such message.
    """
    with decoded("logs", body):
        export = parsed(_LOGS, body)
    scopes = (scope for resource in export.resource_logs or () for scope in resource.scope_logs or ())
    return sum(len(scope.log_records or ()) for scope in scopes)


def _decode(export: messages.ExportTraces) -> DecodedSpans:
    spans: list[Span] = []
    rejected: Counter[str] = Counter()
    for resource in export.resource_spans or ():
        pairs = () if resource.resource is None else json_pairs(resource.resource.attributes)
        if size_of(pairs) > MOST_KEY_BYTES:
            rejected[RESOURCE_TOO_LARGE] += sum(len(scope.spans or ()) for scope in resource.scope_spans or ())
            continue
        own = target_of(pairs).own
        for span in _spans_of(resource):
            if _is_id(span.trace_id, TRACE_ID_BYTES) and _is_id(span.span_id, SPAN_ID_BYTES):
                spans.append(_span(span, own))
            else:
                rejected[BAD_IDS] += 1
    return DecodedSpans(tuple(spans), dict(rejected))


def _spans_of(resource: messages.ResourceSpans) -> Iterator[messages.Span]:
    for scope in resource.scope_spans or ():
        yield from scope.spans or ()


def _is_id(text: str | None, length: int) -> bool:
    try:
        return text is not None and len(bytes.fromhex(text)) == length
    except ValueError:
        return False


def _span(message: messages.Span, own: Labels) -> Span:
    sender, name = dict(own), message.name or ""
    failed = message.status is not None and enum_number(message.status.code, STATUS_CODES) == ERROR
    kind = enum_number(message.kind, SPAN_KINDS)
    kept = KEPT_OF_CALLS if kind == CLIENT else KEPT_ATTRIBUTES
    return Span(
        trace_id=(message.trace_id or "").lower(),
        span_id=(message.span_id or "").lower(),
        parent_id=(message.parent_span_id or "").lower(),
        name=name,
        kind=kind,
        start_ns=unsigned(message.start_time_unix_nano),
        end_ns=unsigned(message.end_time_unix_nano),
        failed=failed,
        job=sender.get(JOB, ""),
        instance=sender.get(INSTANCE, ""),
        attributes=tuple(pair for pair in json_pairs(message.attributes) if pair[0] in kept),
        events=kept_events(name, _events(message)) if may_have_events(name, failed=failed) else (),
    )


def _events(span: messages.Span) -> Iterator[SpanEvent]:
    for event in span.events or ():
        yield SpanEvent(event.name or "", unsigned(event.time_unix_nano), json_pairs(event.attributes))
