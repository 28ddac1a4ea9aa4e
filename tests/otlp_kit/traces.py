"""Trace exports, built with the official messages."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from otlp_kit.metrics import attributes, ns


def span(
    name: str,
    start: float,
    end: float,
    *,
    trace: int = 1,
    id_: int = 1,
    parent: int = 0,
    kind: Span.SpanKind.ValueType = Span.SPAN_KIND_INTERNAL,
    failed: bool = False,
    **pairs: object,
) -> Span:
    """`http_route="/w"` becomes the attribute `http.route`; ids are numbers here and 16 or 8 bytes on the wire."""
    return Span(
        trace_id=trace.to_bytes(16, "big"),
        span_id=id_.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=name,
        kind=kind,
        start_time_unix_nano=ns(start),
        end_time_unix_nano=ns(end),
        attributes=attributes({key.replace("_", ".", 1): value for key, value in pairs.items()}),
        status=Status(code=Status.STATUS_CODE_ERROR if failed else Status.STATUS_CODE_UNSET),
    )


def traces_export(*spans: Span, of: Resource | None = None) -> ExportTraceServiceRequest:
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=of, scope_spans=[ScopeSpans(spans=spans)])])
