"""A trace as OTLP/JSON, which any OTLP receiver takes, and the file upload of Jaeger.

Source: OpenTelemetry specification, protocol/otlp.md, "JSON Protobuf Encoding": ids are hexadecimal, 64-bit integers
are decimal strings, enums are numbers.
"""

from typing import Any, Final

from lapbell import semconv
from lapbell_evaluator.model import Labels, Span, SpanEvent, Trace

__all__ = ["otlp_document"]

_ERROR: Final = 2
_MADE_BY: Final = "lapbell"
_NUMBERS: Final = frozenset({semconv.HTTP_RESPONSE_STATUS_CODE})
_JSON = dict[str, Any]


def otlp_document(trace: Trace) -> dict[str, Any]:
    """The trace as an `ExportTraceServiceRequest` in JSON; what was not kept of it is missing here too."""
    senders: dict[tuple[str, str], list[_JSON]] = {}
    for span in sorted(trace.spans, key=lambda span: (span.start_ns, span.span_id)):
        senders.setdefault((span.job, span.instance), []).append(_span(span))
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _resource(*sender)},
                "scopeSpans": [{"scope": {"name": _MADE_BY}, "spans": own}],
            }
            for sender, own in senders.items()
        ]
    }


def _resource(job: str, instance: str) -> list[_JSON]:
    """A job is `namespace/name`, or a name without a slash."""
    namespace, _, name = job.partition("/")
    pairs = {semconv.SERVICE_NAMESPACE: namespace, semconv.SERVICE_NAME: name}
    if not (namespace and name):
        pairs = {semconv.SERVICE_NAME: job}
    return _attributes([*pairs.items(), (semconv.SERVICE_INSTANCE_ID, instance)])


def _span(span: Span) -> _JSON:
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **({"parentSpanId": span.parent_id} if span.parent_id else {}),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
        "events": [_event(event) for event in span.events],
        "status": {"code": _ERROR} if span.failed else {},
    }


def _event(event: SpanEvent) -> _JSON:
    return {"timeUnixNano": str(event.time_ns), "name": event.name, "attributes": _attributes(event.attributes)}


def _attributes(pairs: "Labels | list[tuple[str, str]]") -> list[_JSON]:
    return [
        {"key": name, "value": {"intValue": text} if _is_number(name, text) else {"stringValue": text}}
        for name, text in pairs
        if text or name != semconv.SERVICE_INSTANCE_ID
    ]


def _is_number(name: str, text: str) -> bool:
    return name in _NUMBERS and text.isascii() and text.isdecimal() and str(int(text)) == text
