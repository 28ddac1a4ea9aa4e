"""The types of `schema`'s messages: what protoc would write into a `.pyi` file."""

from collections.abc import Sequence
from typing import Protocol, Self

__all__ = [
    "AnyValue",
    "ExponentialPoint",
    "ExportLogs",
    "ExportMetrics",
    "ExportTraces",
    "HistogramPoint",
    "KeyValue",
    "Metric",
    "NumberPoint",
    "Numbers",
    "ResourceSpans",
    "Span",
    "SpanEvent",
    "SummaryPoint",
]


class Message(Protocol):
    """What every message can do."""

    @classmethod
    def FromString(cls, data: bytes) -> Self:  # noqa: N802 - protobuf's name
        """Decode; raises DecodeError."""
        ...

    def HasField(self, name: str) -> bool:  # noqa: N802 - protobuf's name
        """Whether the field was sent."""
        ...


class Values(Protocol):
    """An array of attribute values."""

    values: Sequence["AnyValue"]


class Pairs(Protocol):
    """A map of attribute values."""

    values: Sequence["KeyValue"]


class AnyValue(Message, Protocol):
    """An attribute's value."""

    string_value: bytes
    bool_value: bool
    int_value: int
    double_value: float
    array_value: Values
    kvlist_value: Pairs
    bytes_value: bytes


class KeyValue(Message, Protocol):
    """An attribute."""

    key: bytes
    value: AnyValue


class Resource(Message, Protocol):
    """Who sends."""

    attributes: Sequence[bytes]


class Point(Message, Protocol):
    """What all points share; times in Unix nanoseconds."""

    attributes: Sequence[bytes]
    start_time_unix_nano: int
    time_unix_nano: int
    flags: int


class Exemplar(Message, Protocol):
    """A measurement with the trace in which it was made."""

    filtered_attributes: Sequence[KeyValue]
    time_unix_nano: int
    as_double: float
    as_int: int
    span_id: bytes
    trace_id: bytes


class NumberPoint(Point, Protocol):
    """A point of a gauge or a sum; exemplars stand in the messages of schemas that read them."""

    as_double: float
    as_int: int
    exemplars: Sequence[Exemplar]


class HistogramPoint(Point, Protocol):
    """A point of a histogram with explicit bounds; the last two are bytes under `LITE`, numbers under `EXACT`."""

    count: int
    sum: float
    exemplars: Sequence[Exemplar]
    bucket_counts: bytes | Sequence[int]
    explicit_bounds: bytes | Sequence[float]


class Buckets(Message, Protocol):
    """Buckets of an exponential histogram."""

    offset: int
    bucket_counts: Sequence[int]


class ExponentialPoint(Point, Protocol):
    """A point of an exponential histogram."""

    count: int
    sum: float
    scale: int
    zero_count: int
    zero_threshold: float
    exemplars: Sequence[Exemplar]
    positive: Buckets
    negative: Buckets


class QuantileValue(Protocol):
    """One quantile of a summary."""

    quantile: float
    value: float


class SummaryPoint(Point, Protocol):
    """A point of a summary."""

    count: int
    sum: float
    quantile_values: Sequence[QuantileValue]


class Numbers(Protocol):
    """A gauge, or a sum."""

    data_points: Sequence[NumberPoint]
    aggregation_temporality: int
    is_monotonic: bool


class Histogram(Protocol):
    """A histogram with explicit bounds."""

    data_points: Sequence[HistogramPoint]
    aggregation_temporality: int


class ExponentialHistogram(Protocol):
    """An exponential histogram."""

    data_points: Sequence[ExponentialPoint]
    aggregation_temporality: int


class Summary(Protocol):
    """A summary."""

    data_points: Sequence[SummaryPoint]


class Metric(Message, Protocol):
    """A metric with its points."""

    name: bytes
    description: bytes
    unit: bytes
    gauge: Numbers
    sum: Numbers
    histogram: Histogram
    exponential_histogram: ExponentialHistogram
    summary: Summary


class ScopeMetrics(Protocol):
    """The metrics of one instrumentation scope, itself serialised."""

    scope: bytes
    metrics: Sequence[Metric]


class ResourceMetrics(Protocol):
    """The metrics of one resource."""

    resource: Resource
    scope_metrics: Sequence[ScopeMetrics]


class ExportMetrics(Message, Protocol):
    """ExportMetricsServiceRequest."""

    resource_metrics: Sequence[ResourceMetrics]


class Status(Protocol):
    """A span's status: 2 is error."""

    code: int


class Span(Message, Protocol):
    """A span."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    name: bytes
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    attributes: Sequence[KeyValue]
    events: Sequence[bytes]
    status: Status


class SpanEvent(Message, Protocol):
    """An event of a span."""

    time_unix_nano: int
    name: bytes
    attributes: Sequence[KeyValue]


class ScopeSpans(Protocol):
    """The spans of one instrumentation scope."""

    spans: Sequence[Span]


class ResourceSpans(Protocol):
    """The spans of one resource."""

    resource: Resource
    scope_spans: Sequence[ScopeSpans]


class ExportTraces(Message, Protocol):
    """ExportTraceServiceRequest."""

    resource_spans: Sequence[ResourceSpans]


class ScopeLogs(Protocol):
    """The records of one instrumentation scope, serialised."""

    log_records: Sequence[bytes]


class ResourceLogs(Protocol):
    """The records of one resource."""

    scope_logs: Sequence[ScopeLogs]


class ExportLogs(Message, Protocol):
    """ExportLogsServiceRequest."""

    resource_logs: Sequence[ResourceLogs]
