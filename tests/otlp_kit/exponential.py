"""Exponential histograms, built with the official messages."""

from collections.abc import Sequence

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Metric,
)

from otlp_kit.metrics import CUMULATIVE, Temporality, attributes, ns

Buckets = ExponentialHistogramDataPoint.Buckets


def exponential_point(
    counts: Sequence[int],
    at: float,
    *,
    scale: int = 0,
    offset: int = 0,
    negative: Sequence[int] = (),
    negative_offset: int = 0,
    zero_count: int = 0,
    sum_: float | None = None,
    start: float = 0,
    flags: int = 0,
    **pairs: object,
) -> ExponentialHistogramDataPoint:
    point = ExponentialHistogramDataPoint(
        attributes=attributes(pairs),
        start_time_unix_nano=ns(start),
        time_unix_nano=ns(at),
        count=sum(counts) + sum(negative) + zero_count,
        scale=scale,
        zero_count=zero_count,
        positive=Buckets(offset=offset, bucket_counts=counts),
        negative=Buckets(offset=negative_offset, bucket_counts=negative),
        flags=flags,
    )
    if sum_ is not None:
        point.sum = sum_
    return point


def exponential(
    name: str,
    points: Sequence[ExponentialHistogramDataPoint],
    unit: str = "s",
    *,
    temporality: Temporality = CUMULATIVE,
) -> Metric:
    of = ExponentialHistogram(data_points=points, aggregation_temporality=temporality)
    return Metric(name=name, unit=unit, exponential_histogram=of)
