"""Protobuf bytes of a metrics export become columns of points."""

from collections.abc import Iterator, Sequence
from typing import Final, cast

import numpy as np
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from lapbell_evaluator.receiver import messages
from lapbell_evaluator.receiver.attributes import pairs_of, text_of
from lapbell_evaluator.receiver.exemplar_probe import holds_exemplars
from lapbell_evaluator.receiver.exemplars import exemplar_labels
from lapbell_evaluator.receiver.exponential import OUT_OF_RANGE, WRONG_COUNT, OtlpBuckets, adds_up, histogram_of
from lapbell_evaluator.receiver.messages import (
    ExportMetrics,
    Histogram,
    HistogramPoint,
    Summary,
)
from lapbell_evaluator.receiver.names import Kind
from lapbell_evaluator.receiver.points import (
    CUMULATIVE,
    DELTA,
    Columns,
    ExemplarPoint,
    Exponentials,
    Histograms,
    Metric,
    MetricsExport,
    Numbers,
    Scope,
    Source,
    Summaries,
)
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.schema import EXACT, LITE, LITE_WITH_EXEMPLARS, Schema

__all__ = ["decode_metrics"]

_NO_RECORDED_VALUE: Final = 1
_BYTES_PER_NUMBER: Final = 8
_BUCKET_FIELDS: Final = frozenset({6, 7})  # bucket_counts, explicit_bounds


class _UnpackedError(Exception):
    """A packed field came split or unpacked: the light schema saw only a part of it."""


def decode_metrics(body: bytes) -> MetricsExport:
    """Columns of an `ExportMetricsServiceRequest`.

    Raises:
        Refusal: the bytes are no such message.
    """
    try:
        return _decode(LITE_WITH_EXEMPLARS if holds_exemplars(body) else LITE, body)
    except _UnpackedError:
        return _decode(EXACT, body)


def _decode(schema: Schema, body: bytes) -> MetricsExport:
    export = MetricsExport()
    for resource in _parse(schema, body).resource_metrics:
        source = Source(tuple(resource.resource.attributes))
        export.sources.append(source)
        for scope_message in resource.scope_metrics:
            scope = Scope(scope_message.scope)
            source.scopes.append(scope)
            for metric in scope_message.metrics:
                scope.columns.extend(_columns(schema, metric, export))
    return export


def _parse(schema: Schema, body: bytes) -> ExportMetrics:
    try:
        return schema.metrics.FromString(body)
    except DecodeError as error:
        raise Refusal(
            Reason.UNDECODABLE, f"The body is not an OTLP metrics export: {error}.", "Send protobuf as OTLP defines it."
        ) from None


def _columns(schema: Schema, metric: messages.Metric, export: MetricsExport) -> Iterator[Columns]:
    if metric.HasField("gauge"):
        yield _numbers(schema, _metric(metric, Kind.GAUGE), metric.gauge, export)
    elif metric.HasField("sum"):
        kind = Kind.COUNTER if metric.sum.is_monotonic else Kind.UP_DOWN_COUNTER
        yield _numbers(schema, _metric(metric, kind, metric.sum.aggregation_temporality), metric.sum, export)
    elif metric.HasField("histogram"):
        of = _metric(metric, Kind.HISTOGRAM, metric.histogram.aggregation_temporality)
        yield from _histograms(schema, of, metric.histogram, export)
    elif metric.HasField("exponential_histogram"):
        of = _metric(metric, Kind.EXPONENTIAL, metric.exponential_histogram.aggregation_temporality)
        yield _exponentials(schema, of, metric.exponential_histogram, export)
    elif metric.HasField("summary"):
        yield _summaries(_metric(metric, Kind.SUMMARY), metric.summary)


def _metric(metric: messages.Metric, kind: Kind, temporality: int = CUMULATIVE) -> Metric:
    name, unit, description = text_of(metric.name), text_of(metric.unit), text_of(metric.description)
    return Metric(name, unit, kind, temporality == DELTA, description, temporality in (DELTA, CUMULATIVE))


def _numbers(schema: Schema, metric: Metric, message: messages.Numbers, export: MetricsExport) -> Numbers:
    columns = Numbers(metric)
    has_exemplars = schema.has_exemplars
    attributes, starts, times, values = columns.attributes, columns.starts_ns, columns.times_ns, columns.values
    for point in message.data_points:
        value = point.as_double or point.as_int  # the one that was not sent reads as 0
        is_ended = point.flags & _NO_RECORDED_VALUE
        if is_ended:
            columns.ended.append(len(values))
        elif not value and not (point.HasField("as_int") or point.HasField("as_double")):
            export.reject("points without a value")
            continue
        if has_exemplars and point.exemplars:
            columns.exemplars += _exemplars(len(values), point.exemplars)
        attributes.append(tuple(point.attributes))
        starts.append(point.start_time_unix_nano)
        times.append(point.time_unix_nano)
        values.append(value)
    return columns


def _histograms(schema: Schema, metric: Metric, message: Histogram, export: MetricsExport) -> Iterator[Histograms]:
    by_bounds: dict[bytes, Histograms] = {}
    has_exemplars = schema.has_exemplars
    is_lite = False
    for point in message.data_points:
        is_lite = isinstance(point.bucket_counts, bytes)
        if is_lite and not point.bucket_counts and _has_unpacked(point):
            raise _UnpackedError
        bounds, counts = _as_bytes(point)
        if len(counts) not in (0, len(bounds) + _BYTES_PER_NUMBER) or (bounds and not counts):
            if is_lite:
                raise _UnpackedError
            export.reject("histogram points whose bucket counts do not fit their bounds")
            continue
        columns = by_bounds.get(bounds)
        if columns is None:
            columns = by_bounds[bounds] = Histograms(metric, np.frombuffer(bounds, "<f8"))
        if point.flags & _NO_RECORDED_VALUE:
            columns.ended.append(len(columns.totals))
        if has_exemplars and point.exemplars:
            columns.exemplars += _exemplars(len(columns.totals), point.exemplars)
        columns.attributes.append(tuple(point.attributes))
        columns.starts_ns.append(point.start_time_unix_nano)
        columns.times_ns.append(point.time_unix_nano)
        columns.counts.append(counts or point.count.to_bytes(_BYTES_PER_NUMBER, "little"))
        columns.totals.append(point.count)
        columns.sums.append(point.sum if point.HasField("sum") else np.nan)
    if is_lite and any(_is_in_part(columns) for columns in by_bounds.values()):
        raise _UnpackedError
    yield from by_bounds.values()


def _exemplars(position: int, exemplars: Sequence[messages.Exemplar]) -> Iterator[ExemplarPoint]:
    for exemplar in exemplars:
        value = exemplar.as_double or float(exemplar.as_int)  # the one that was not sent reads as 0
        if not value and not (exemplar.HasField("as_int") or exemplar.HasField("as_double")):
            value = np.nan
        attributes = pairs_of(exemplar.filtered_attributes) if exemplar.filtered_attributes else ()
        own = exemplar_labels(exemplar.trace_id.hex(), exemplar.span_id.hex(), attributes)
        yield ExemplarPoint(position, exemplar.time_unix_nano, value, own)


def _has_unpacked(point: HistogramPoint) -> bool:
    """Whether buckets came unpacked, so that the light schema saw fields of another type."""
    unknown = UnknownFieldSet(cast("Message", point))
    return any(unknown[at].field_number in _BUCKET_FIELDS for at in range(len(unknown)))


def _is_in_part(columns: Histograms) -> bool:
    """Whether buckets do not add up to the count: the sign of a packed field that came in several pieces."""
    return bool((columns.matrix().sum(axis=1) != np.array(columns.totals, np.uint64)).any())


def _as_bytes(point: HistogramPoint) -> tuple[bytes, bytes]:
    """Bounds and bucket counts as little-endian arrays."""
    bounds, counts = point.explicit_bounds, point.bucket_counts
    if isinstance(bounds, bytes):
        return bounds, cast("bytes", counts)
    return np.array(bounds, "<f8").tobytes(), np.array(counts, "<u8").tobytes()


def _exponentials(
    schema: Schema, metric: Metric, message: messages.ExponentialHistogram, export: MetricsExport
) -> Exponentials:
    columns = Exponentials(metric)
    has_exemplars = schema.has_exemplars
    for point in message.data_points:
        positive = OtlpBuckets(point.positive.offset, point.positive.bucket_counts)
        negative = OtlpBuckets(point.negative.offset, point.negative.bucket_counts)
        histogram = histogram_of(
            scale=point.scale,
            count=point.count,
            sum_=point.sum if point.HasField("sum") else np.nan,
            zero_count=point.zero_count,
            zero_threshold=point.zero_threshold,
            positive=positive,
            negative=negative,
        )
        if histogram is None:
            export.reject(OUT_OF_RANGE)
            continue
        is_ended = point.flags & _NO_RECORDED_VALUE
        if not (is_ended or adds_up(point.count, point.zero_count, positive, negative)):
            export.reject(WRONG_COUNT)
            continue
        if is_ended:
            columns.ended.append(len(columns.histograms))
        if has_exemplars and point.exemplars:
            columns.exemplars += _exemplars(len(columns.histograms), point.exemplars)
        columns.attributes.append(tuple(point.attributes))
        columns.starts_ns.append(point.start_time_unix_nano)
        columns.times_ns.append(point.time_unix_nano)
        columns.histograms.append(histogram)
    return columns


def _summaries(metric: Metric, message: Summary) -> Summaries:
    columns = Summaries(metric)
    for point in message.data_points:
        if point.flags & _NO_RECORDED_VALUE:
            columns.ended.append(len(columns.totals))
        columns.attributes.append(tuple(point.attributes))
        columns.starts_ns.append(point.start_time_unix_nano)
        columns.times_ns.append(point.time_unix_nano)
        columns.quantiles.append(tuple((at.quantile, at.value) for at in point.quantile_values))
        columns.totals.append(point.count)
        columns.sums.append(point.sum)
    return columns
