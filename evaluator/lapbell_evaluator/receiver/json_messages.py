"""OTLP's messages as JSON writes them.

Keys are lowerCamelCase (`json_names` takes the original ones as well), 64-bit integers come as text or as numbers,
enums as numbers or by their names, ids as hex, `null` is the default; unknown keys are ignored. What a text stands for
is checked by `json_values`. Source: OTLP specification, "JSON Protobuf Encoding"; protobuf, "ProtoJSON Format".
"""

from collections.abc import Sequence

from msgspec import Struct

__all__ = ["EnumValue", "ExportLogs", "ExportMetrics", "ExportTraces", "Integer", "Real"]

Integer = int | str | None
"""An integer: a number without a fraction or an exponent, or its digits as text."""

EnumValue = int | str | None
"""The number of an enum's value, or its name."""

Real = float | str | None
"""A double: a number, or NaN, Infinity and -Infinity as text."""


class AnyValue(Struct, rename="camel"):
    """An attribute's value."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Integer = None
    double_value: Real = None
    array_value: "Values | None" = None
    kvlist_value: "Pairs | None" = None
    bytes_value: str | None = None


class KeyValue(Struct, rename="camel"):
    """An attribute."""

    key: str = ""
    value: AnyValue | None = None


class Values(Struct, rename="camel"):
    """An array of attribute values."""

    values: Sequence[AnyValue] | None = None


class Pairs(Struct, rename="camel"):
    """A map of attribute values."""

    values: Sequence[KeyValue] | None = None


class Resource(Struct, rename="camel"):
    """Who sends."""

    attributes: Sequence[KeyValue] | None = None


class Exemplar(Struct, rename="camel"):
    """A measurement with the trace in which it was made."""

    filtered_attributes: Sequence[KeyValue] | None = None
    time_unix_nano: Integer = None
    as_double: Real = None
    as_int: Integer = None
    span_id: str | None = None
    trace_id: str | None = None


class NumberPoint(Struct, rename="camel"):
    """A point of a gauge or a sum."""

    attributes: Sequence[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    as_double: Real = None
    as_int: Integer = None
    exemplars: Sequence[Exemplar] | None = None
    flags: Integer = None


class HistogramPoint(Struct, rename="camel"):
    """A point of a histogram with explicit bounds."""

    attributes: Sequence[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    count: Integer = None
    sum: Real = None
    bucket_counts: Sequence[int | str] | None = None
    explicit_bounds: Sequence[float | str] | None = None
    exemplars: Sequence[Exemplar] | None = None
    flags: Integer = None


class Buckets(Struct, rename="camel"):
    """Buckets of an exponential histogram."""

    offset: Integer = None
    bucket_counts: Sequence[int | str] | None = None


class ExponentialPoint(Struct, rename="camel"):
    """A point of an exponential histogram."""

    attributes: Sequence[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    count: Integer = None
    sum: Real = None
    scale: Integer = None
    zero_count: Integer = None
    zero_threshold: Real = None
    positive: Buckets | None = None
    negative: Buckets | None = None
    exemplars: Sequence[Exemplar] | None = None
    flags: Integer = None


class QuantileValue(Struct, rename="camel"):
    """One quantile of a summary."""

    quantile: Real = None
    value: Real = None


class SummaryPoint(Struct, rename="camel"):
    """A point of a summary."""

    attributes: Sequence[KeyValue] | None = None
    start_time_unix_nano: Integer = None
    time_unix_nano: Integer = None
    count: Integer = None
    sum: Real = None
    quantile_values: Sequence[QuantileValue] | None = None
    flags: Integer = None


class Numbers(Struct, rename="camel"):
    """A gauge, or a sum."""

    data_points: Sequence[NumberPoint] | None = None
    aggregation_temporality: EnumValue = None
    is_monotonic: bool | None = None


class Histogram(Struct, rename="camel"):
    """A histogram with explicit bounds."""

    data_points: Sequence[HistogramPoint] | None = None
    aggregation_temporality: EnumValue = None


class ExponentialHistogram(Struct, rename="camel"):
    """An exponential histogram."""

    data_points: Sequence[ExponentialPoint] | None = None
    aggregation_temporality: EnumValue = None


class Summary(Struct, rename="camel"):
    """A summary."""

    data_points: Sequence[SummaryPoint] | None = None


class Metric(Struct, rename="camel"):
    """A metric with its points."""

    name: str | None = None
    description: str | None = None
    unit: str | None = None
    gauge: Numbers | None = None
    sum: Numbers | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None


class InstrumentationScope(Struct, rename="camel"):
    """Which library made the metrics."""

    name: str | None = None
    version: str | None = None


class ScopeMetrics(Struct, rename="camel"):
    """The metrics of one instrumentation scope."""

    scope: InstrumentationScope | None = None
    metrics: Sequence[Metric] | None = None


class ResourceMetrics(Struct, rename="camel"):
    """The metrics of one resource."""

    resource: Resource | None = None
    scope_metrics: Sequence[ScopeMetrics] | None = None


class ExportMetrics(Struct, rename="camel"):
    """ExportMetricsServiceRequest."""

    resource_metrics: Sequence[ResourceMetrics] | None = None


class Status(Struct, rename="camel"):
    """A span's status: 2 is error."""

    code: EnumValue = None


class SpanEvent(Struct, rename="camel"):
    """An event of a span."""

    time_unix_nano: Integer = None
    name: str | None = None
    attributes: Sequence[KeyValue] | None = None


class Span(Struct, rename="camel"):
    """A span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: EnumValue = None
    start_time_unix_nano: Integer = None
    end_time_unix_nano: Integer = None
    attributes: Sequence[KeyValue] | None = None
    events: Sequence[SpanEvent] | None = None
    status: Status | None = None


class ScopeSpans(Struct, rename="camel"):
    """The spans of one instrumentation scope."""

    spans: Sequence[Span] | None = None


class ResourceSpans(Struct, rename="camel"):
    """The spans of one resource."""

    resource: Resource | None = None
    scope_spans: Sequence[ScopeSpans] | None = None


class ExportTraces(Struct, rename="camel"):
    """ExportTraceServiceRequest."""

    resource_spans: Sequence[ResourceSpans] | None = None


class LogRecord(Struct):
    """A log record: counted, not read."""


class ScopeLogs(Struct, rename="camel"):
    """The records of one instrumentation scope."""

    log_records: Sequence[LogRecord] | None = None


class ResourceLogs(Struct, rename="camel"):
    """The records of one resource."""

    scope_logs: Sequence[ScopeLogs] | None = None


class ExportLogs(Struct, rename="camel"):
    """ExportLogsServiceRequest."""

    resource_logs: Sequence[ResourceLogs] | None = None
