"""OTLP's protobuf schema, read lightly: what is only compared or copied stays bytes.

Field numbers are those of opentelemetry-proto 1.x. Three departures make decoding cheaper and more forgiving:

- attributes stay serialised (`bytes` each): they are the key of a series, decoded once when first seen;
- every string is `bytes`, so one string of broken UTF-8 does not reject a batch;
- `bucket_counts` and `explicit_bounds` are `bytes`: a packed field of fixed-width numbers *is* its array. Senders may
  legally split a packed field or not pack it; then the lengths or the sums do not agree, and the export is read again
  with `EXACT`, where both are repeated numbers.

Source: opentelemetry-proto, metrics/v1, trace/v1, logs/v1, common/v1; protobuf encoding, "Packed Repeated Fields".
"""

from typing import Final, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from lapbell_evaluator.receiver.messages import (
    AnyValue,
    ExportLogs,
    ExportMetrics,
    ExportTraces,
    KeyValue,
    SpanEvent,
)

__all__ = ["EXACT", "LITE", "LITE_WITH_EXEMPLARS", "Schema", "message_classes"]

_Field = tuple[int, str]
"""A field's number and type; `*` in front means repeated, a capital letter a message."""

_COMMON: Final[dict[str, dict[str, _Field]]] = {
    "KeyValue": {"key": (1, "bytes"), "value": (2, "AnyValue")},
    "AnyValue": {
        "string_value": (1, "bytes"),
        "bool_value": (2, "bool"),
        "int_value": (3, "int64"),
        "double_value": (4, "double"),
        "array_value": (5, "ArrayValue"),
        "kvlist_value": (6, "KeyValueList"),
        "bytes_value": (7, "bytes"),
    },
    "ArrayValue": {"values": (1, "*AnyValue")},
    "KeyValueList": {"values": (1, "*KeyValue")},
    "Resource": {"attributes": (1, "*bytes")},
}

_METRICS: Final[dict[str, dict[str, _Field]]] = {
    "ExportMetrics": {"resource_metrics": (1, "*ResourceMetrics")},
    "ResourceMetrics": {"resource": (1, "Resource"), "scope_metrics": (2, "*ScopeMetrics")},
    "ScopeMetrics": {"scope": (1, "bytes"), "metrics": (2, "*Metric")},
    "Metric": {
        "name": (1, "bytes"),
        "description": (2, "bytes"),
        "unit": (3, "bytes"),
        "gauge": (5, "Numbers"),
        "sum": (7, "Numbers"),
        "histogram": (9, "Histogram"),
        "exponential_histogram": (10, "ExponentialHistogram"),
        "summary": (11, "Summary"),
    },
    "Numbers": {
        "data_points": (1, "*NumberPoint"),
        "aggregation_temporality": (2, "int32"),
        "is_monotonic": (3, "bool"),
    },
    "NumberPoint": {
        "start_time_unix_nano": (2, "fixed64"),
        "time_unix_nano": (3, "fixed64"),
        "as_double": (4, "double"),
        "as_int": (6, "sfixed64"),
        "attributes": (7, "*bytes"),
        "flags": (8, "uint32"),
    },
    "Histogram": {"data_points": (1, "*HistogramPoint"), "aggregation_temporality": (2, "int32")},
    "HistogramPoint": {
        "start_time_unix_nano": (2, "fixed64"),
        "time_unix_nano": (3, "fixed64"),
        "count": (4, "fixed64"),
        "sum": (5, "double"),
        "bucket_counts": (6, "bytes"),
        "explicit_bounds": (7, "bytes"),
        "attributes": (9, "*bytes"),
        "flags": (10, "uint32"),
    },
    "Exemplar": {
        "time_unix_nano": (2, "fixed64"),
        "as_double": (3, "double"),
        "span_id": (4, "bytes"),
        "trace_id": (5, "bytes"),
        "as_int": (6, "sfixed64"),
        "filtered_attributes": (7, "*KeyValue"),
    },
    "ExponentialHistogram": {"data_points": (1, "*ExponentialPoint"), "aggregation_temporality": (2, "int32")},
    "ExponentialPoint": {
        "attributes": (1, "*bytes"),
        "start_time_unix_nano": (2, "fixed64"),
        "time_unix_nano": (3, "fixed64"),
        "count": (4, "fixed64"),
        "sum": (5, "double"),
        "scale": (6, "sint32"),
        "zero_count": (7, "fixed64"),
        "positive": (8, "Buckets"),
        "negative": (9, "Buckets"),
        "flags": (10, "uint32"),
        "zero_threshold": (14, "double"),
    },
    "Buckets": {"offset": (1, "sint32"), "bucket_counts": (2, "*uint64")},
    "Summary": {"data_points": (1, "*SummaryPoint")},
    "SummaryPoint": {
        "start_time_unix_nano": (2, "fixed64"),
        "time_unix_nano": (3, "fixed64"),
        "count": (4, "fixed64"),
        "sum": (5, "double"),
        "quantile_values": (6, "*QuantileValue"),
        "attributes": (7, "*bytes"),
        "flags": (8, "uint32"),
    },
    "QuantileValue": {"quantile": (1, "double"), "value": (2, "double")},
}

_TRACES: Final[dict[str, dict[str, _Field]]] = {
    "ExportTraces": {"resource_spans": (1, "*ResourceSpans")},
    "ResourceSpans": {"resource": (1, "Resource"), "scope_spans": (2, "*ScopeSpans")},
    "ScopeSpans": {"spans": (2, "*Span")},
    "Span": {
        "trace_id": (1, "bytes"),
        "span_id": (2, "bytes"),
        "parent_span_id": (4, "bytes"),
        "name": (5, "bytes"),
        "kind": (6, "int32"),
        "start_time_unix_nano": (7, "fixed64"),
        "end_time_unix_nano": (8, "fixed64"),
        "attributes": (9, "*KeyValue"),
        "events": (11, "*bytes"),
        "status": (15, "Status"),
    },
    "SpanEvent": {
        "time_unix_nano": (1, "fixed64"),
        "name": (2, "bytes"),
        "attributes": (3, "*KeyValue"),
    },
    "Status": {"code": (3, "int32")},
}

_LOGS: Final[dict[str, dict[str, _Field]]] = {
    "ExportLogs": {"resource_logs": (1, "*ResourceLogs")},
    "ResourceLogs": {"scope_logs": (2, "*ScopeLogs")},
    "ScopeLogs": {"log_records": (2, "*bytes")},
}

_ONEOFS: Final[dict[str, frozenset[str]]] = {
    "AnyValue": frozenset(_COMMON["AnyValue"]),
    "Metric": frozenset(_METRICS["Metric"]) - {"name", "description", "unit"},
    "NumberPoint": frozenset({"as_double", "as_int"}),
    "Exemplar": frozenset({"as_double", "as_int"}),
}
"""Fields of which the last one sent wins."""

_EXACT_BUCKETS: Final[dict[str, _Field]] = {"bucket_counts": (6, "*fixed64"), "explicit_bounds": (7, "*double")}
_EXEMPLARS: Final[dict[str, dict[str, _Field]]] = {
    "NumberPoint": {"exemplars": (5, "*Exemplar")},
    "HistogramPoint": {"exemplars": (8, "*Exemplar")},
    "ExponentialPoint": {"exemplars": (11, "*Exemplar")},
}

_Type = descriptor_pb2.FieldDescriptorProto.Type
_Label = descriptor_pb2.FieldDescriptorProto.Label


class Schema:
    """Message classes built from a table; a pool of its own keeps them apart from opentelemetry-proto's.

    Attributes:
        metrics: ExportMetricsServiceRequest.
        traces: ExportTraceServiceRequest.
        logs: ExportLogsServiceRequest.
        key_value: KeyValue.
        any_value: AnyValue.
        span_event: Span.Event, which a span holds as bytes: few spans have one that anybody reads.
        has_exemplars: its points have exemplars; to ask each of them for none costs a tenth of decoding.
    """

    def __init__(self, package: str, messages: dict[str, dict[str, _Field]]) -> None:
        self.has_exemplars = "exemplars" in messages["HistogramPoint"]
        classes = message_classes(package, messages)
        self.metrics = cast("type[ExportMetrics]", classes["ExportMetrics"])
        self.traces = cast("type[ExportTraces]", classes["ExportTraces"])
        self.logs = cast("type[ExportLogs]", classes["ExportLogs"])
        self.key_value = cast("type[KeyValue]", classes["KeyValue"])
        self.any_value = cast("type[AnyValue]", classes["AnyValue"])
        self.span_event = cast("type[SpanEvent]", classes["SpanEvent"])


def message_classes(package: str, messages: dict[str, dict[str, _Field]]) -> dict[str, type[Message]]:
    """Message classes by name, built from a table of their fields; optional fields know whether they were sent."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, fields in messages.items():
        _add_message(file.message_type.add(name=name), package, fields, _ONEOFS.get(name, frozenset()) & fields.keys())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    classes = message_factory.GetMessageClassesForFiles([file.name], pool)
    return {name: classes[f"{package}.{name}"] for name in messages}


def _add_message(
    message: descriptor_pb2.DescriptorProto, package: str, fields: dict[str, _Field], in_oneof: frozenset[str]
) -> None:
    if in_oneof:
        message.oneof_decl.add(name="one")
    for name, (number, marked) in fields.items():
        kind = marked.removeprefix("*")
        label = _Label.LABEL_OPTIONAL if kind == marked else _Label.LABEL_REPEATED
        field = message.field.add(name=name, number=number, label=label)
        if kind[0].isupper():
            field.type, field.type_name = _Type.TYPE_MESSAGE, f".{package}.{kind}"
        else:
            field.type = _Type.Value(f"TYPE_{kind.upper()}")
        if name in in_oneof:
            field.oneof_index = 0


_ALL: Final = _COMMON | _METRICS | _TRACES | _LOGS
_ALL_WITH_EXEMPLARS: Final = _ALL | {name: _METRICS[name] | fields for name, fields in _EXEMPLARS.items()}
_EXACT: Final = {"HistogramPoint": _ALL_WITH_EXEMPLARS["HistogramPoint"] | _EXACT_BUCKETS}
LITE: Final = Schema("lapbell.lite", _ALL)
LITE_WITH_EXEMPLARS: Final = Schema("lapbell.lite_with_exemplars", _ALL_WITH_EXEMPLARS)
EXACT: Final = Schema("lapbell.exact", _ALL_WITH_EXEMPLARS | _EXACT)
