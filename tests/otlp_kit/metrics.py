"""Metrics exports, built with the official messages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

Point = TypeVar("Point", NumberDataPoint, HistogramDataPoint, ExponentialHistogramDataPoint)

Temporality: TypeAlias = AggregationTemporality.ValueType
Attributes = dict[str, Any]
"""By their names on the wire: `**Attributes({"http.route": "/w"})`, where a name is no Python name."""

NO_RECORDED_VALUE = 1
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


def ns(seconds: float) -> int:
    """Unix nanoseconds; 0 stays the unknown time."""
    return round(seconds * 1_000) * 1_000_000


def attributes(pairs: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in pairs.items()]


def any_value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case list():
            answer = AnyValue()
            answer.array_value.values.extend(any_value(item) for item in value)
            return answer
        case dict():
            answer = AnyValue()
            answer.kvlist_value.values.extend(attributes(value))
            return answer
        case None:
            return AnyValue()
        case _:
            return AnyValue(string_value=str(value))


def resource(**pairs: object) -> Resource:
    """`resource(service_name="app")` has the attribute `service.name`."""
    return Resource(attributes=attributes({key.replace("_", "."): value for key, value in pairs.items()}))


def number(value: float, at: float, *, start: float = 0, flags: int = 0, **pairs: object) -> NumberDataPoint:
    point = NumberDataPoint(
        attributes=attributes(pairs), start_time_unix_nano=ns(start), time_unix_nano=ns(at), flags=flags
    )
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    return point


def exemplar(value: float, at: float, trace: int = 0, span: int = 0, **pairs: object) -> Exemplar:
    """A measurement; ids of 0 stand for none."""
    measurement = Exemplar(
        filtered_attributes=attributes(pairs),
        time_unix_nano=ns(at),
        trace_id=trace.to_bytes(16, "big") if trace else b"",
        span_id=span.to_bytes(8, "big") if span else b"",
    )
    if isinstance(value, int):
        measurement.as_int = value
    else:
        measurement.as_double = value
    return measurement


def seen(point: Point, *exemplars: Exemplar) -> Point:
    """The point, with exemplars."""
    point.exemplars.extend(exemplars)
    return point


def gauge(name: str, points: Iterable[NumberDataPoint], unit: str = "") -> Metric:
    return Metric(name=name, unit=unit, gauge=Gauge(data_points=points))


def total(
    name: str,
    points: Iterable[NumberDataPoint],
    unit: str = "",
    *,
    monotonic: bool = True,
    temporality: Temporality = CUMULATIVE,
) -> Metric:
    of = Sum(data_points=points, aggregation_temporality=temporality, is_monotonic=monotonic)
    return Metric(name=name, unit=unit, sum=of)


def distribution(
    counts: Sequence[int],
    at: float,
    *,
    bounds: Sequence[float],
    sum_: float | None,
    start: float = 0,
    flags: int = 0,
    **pairs: object,
) -> HistogramDataPoint:
    point = HistogramDataPoint(
        attributes=attributes(pairs),
        start_time_unix_nano=ns(start),
        time_unix_nano=ns(at),
        count=sum(counts),
        bucket_counts=counts,
        explicit_bounds=bounds,
        flags=flags,
    )
    if sum_ is not None:
        point.sum = sum_
    return point


def histogram(
    name: str,
    points: Iterable[HistogramDataPoint],
    unit: str = "s",
    *,
    temporality: Temporality = CUMULATIVE,
) -> Metric:
    return Metric(name=name, unit=unit, histogram=Histogram(data_points=points, aggregation_temporality=temporality))


def metrics_export(*metrics: Metric, of: Resource | None = None) -> ExportMetricsServiceRequest:
    scope = ScopeMetrics(metrics=metrics)
    return ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(resource=of, scope_metrics=[scope])])
