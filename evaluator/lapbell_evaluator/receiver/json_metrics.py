"""JSON bytes of a metrics export become columns of points."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import numpy as np

from lapbell_evaluator.receiver import json_messages as messages
from lapbell_evaluator.receiver.exemplars import exemplar_labels
from lapbell_evaluator.receiver.exponential import OUT_OF_RANGE, WRONG_COUNT, OtlpBuckets, adds_up, histogram_of
from lapbell_evaluator.receiver.json_body import decoded
from lapbell_evaluator.receiver.json_names import parsed
from lapbell_evaluator.receiver.json_values import (
    TEMPORALITIES,
    enum_number,
    integer,
    json_pairs,
    real,
    unsigned,
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

__all__ = ["decode_json_metrics"]

_NO_RECORDED_VALUE: Final = 1
_DECODER: Final = msgspec.json.Decoder(messages.ExportMetrics)


def decode_json_metrics(body: bytes) -> MetricsExport:
    """Columns of an `ExportMetricsServiceRequest` in JSON.

    Raises:
        Refusal: the bytes are no such message.
    """
    with decoded("metrics", body):
        return _decode(parsed(_DECODER, body))


def _decode(message: messages.ExportMetrics) -> MetricsExport:
    export = MetricsExport()
    for resource in message.resource_metrics or ():
        pairs = () if resource.resource is None else json_pairs(resource.resource.attributes)
        source = Source(pairs)
        export.sources.append(source)
        for scope_message in resource.scope_metrics or ():
            scope = Scope(_scope_key(scope_message.scope))
            source.scopes.append(scope)
            for metric in scope_message.metrics or ():
                scope.columns.extend(_columns(metric, export))
    return export


def _scope_key(scope: messages.InstrumentationScope | None) -> tuple[str, str]:
    return ("", "") if scope is None else (scope.name or "", scope.version or "")


def _columns(metric: messages.Metric, export: MetricsExport) -> Iterator[Columns]:
    if metric.gauge is not None:
        yield _numbers(_metric(metric, Kind.GAUGE), metric.gauge, export)
    elif metric.sum is not None:
        kind = Kind.COUNTER if metric.sum.is_monotonic else Kind.UP_DOWN_COUNTER
        yield _numbers(_metric(metric, kind, metric.sum.aggregation_temporality), metric.sum, export)
    elif metric.histogram is not None:
        of = _metric(metric, Kind.HISTOGRAM, metric.histogram.aggregation_temporality)
        yield from _histograms(of, metric.histogram.data_points or (), export)
    elif metric.exponential_histogram is not None:
        of = _metric(metric, Kind.EXPONENTIAL, metric.exponential_histogram.aggregation_temporality)
        yield _exponentials(of, metric.exponential_histogram.data_points or (), export)
    elif metric.summary is not None:
        yield _summaries(_metric(metric, Kind.SUMMARY), metric.summary.data_points or ())


def _metric(metric: messages.Metric, kind: Kind, temporality: messages.EnumValue = CUMULATIVE) -> Metric:
    number = enum_number(temporality, TEMPORALITIES)
    is_known = number in (DELTA, CUMULATIVE)
    return Metric(metric.name or "", metric.unit or "", kind, number == DELTA, metric.description or "", is_known)


def _numbers(metric: Metric, message: messages.Numbers, export: MetricsExport) -> Numbers:
    columns = Numbers(metric)
    for point in message.data_points or ():
        if point.as_double is None and point.as_int is None and not _is_ended(point.flags):
            export.reject("points without a value")
            continue
        if _is_ended(point.flags):
            columns.ended.append(len(columns.values))
        if point.exemplars:
            columns.exemplars += _exemplars(len(columns.values), point.exemplars)
        columns.attributes.append(json_pairs(point.attributes))
        columns.starts_ns.append(unsigned(point.start_time_unix_nano))
        columns.times_ns.append(unsigned(point.time_unix_nano))
        columns.values.append(integer(point.as_int) if point.as_double is None else real(point.as_double))
    return columns


def _histograms(
    metric: Metric, points: Sequence[messages.HistogramPoint], export: MetricsExport
) -> Iterator[Histograms]:
    by_bounds: dict[tuple[float, ...], Histograms] = {}
    for point in points:
        bounds = tuple(real(bound) for bound in point.explicit_bounds or ())
        counts = [unsigned(count) for count in point.bucket_counts or ()]
        total = unsigned(point.count)
        if not counts and not bounds:
            counts = [total]
        if len(counts) != len(bounds) + 1:
            export.reject("histogram points whose bucket counts do not fit their bounds")
            continue
        columns = by_bounds.get(bounds)
        if columns is None:
            columns = by_bounds[bounds] = Histograms(metric, np.array(bounds, np.float64))
        if _is_ended(point.flags):
            columns.ended.append(len(columns.totals))
        if point.exemplars:
            columns.exemplars += _exemplars(len(columns.totals), point.exemplars)
        columns.attributes.append(json_pairs(point.attributes))
        columns.starts_ns.append(unsigned(point.start_time_unix_nano))
        columns.times_ns.append(unsigned(point.time_unix_nano))
        columns.counts.append(np.array(counts, "<u8").tobytes())
        columns.totals.append(total)
        columns.sums.append(np.nan if point.sum is None else real(point.sum))
    yield from by_bounds.values()


def _exponentials(metric: Metric, points: Sequence[messages.ExponentialPoint], export: MetricsExport) -> Exponentials:
    columns = Exponentials(metric)
    for point in points:
        count, zero_count = unsigned(point.count), unsigned(point.zero_count)
        positive, negative = _buckets(point.positive), _buckets(point.negative)
        histogram = histogram_of(
            scale=integer(point.scale),
            count=count,
            sum_=np.nan if point.sum is None else real(point.sum),
            zero_count=zero_count,
            zero_threshold=real(point.zero_threshold),
            positive=positive,
            negative=negative,
        )
        if histogram is None:
            export.reject(OUT_OF_RANGE)
            continue
        is_ended = _is_ended(point.flags)
        if not (is_ended or adds_up(count, zero_count, positive, negative)):
            export.reject(WRONG_COUNT)
            continue
        if is_ended:
            columns.ended.append(len(columns.histograms))
        if point.exemplars:
            columns.exemplars += _exemplars(len(columns.histograms), point.exemplars)
        columns.attributes.append(json_pairs(point.attributes))
        columns.starts_ns.append(unsigned(point.start_time_unix_nano))
        columns.times_ns.append(unsigned(point.time_unix_nano))
        columns.histograms.append(histogram)
    return columns


def _exemplars(position: int, exemplars: Sequence[messages.Exemplar]) -> Iterator[ExemplarPoint]:
    for exemplar in exemplars:
        value = np.nan if exemplar.as_int is None else float(integer(exemplar.as_int))
        if exemplar.as_double is not None:
            value = real(exemplar.as_double)
        trace_id, span_id = (exemplar.trace_id or "").lower(), (exemplar.span_id or "").lower()
        own = exemplar_labels(trace_id, span_id, json_pairs(exemplar.filtered_attributes))
        yield ExemplarPoint(position, unsigned(exemplar.time_unix_nano), value, own)


def _buckets(message: messages.Buckets | None) -> OtlpBuckets:
    if message is None:
        return OtlpBuckets(0, ())
    return OtlpBuckets(integer(message.offset), [unsigned(count) for count in message.bucket_counts or ()])


def _summaries(metric: Metric, points: Sequence[messages.SummaryPoint]) -> Summaries:
    columns = Summaries(metric)
    for point in points:
        if _is_ended(point.flags):
            columns.ended.append(len(columns.totals))
        columns.attributes.append(json_pairs(point.attributes))
        columns.starts_ns.append(unsigned(point.start_time_unix_nano))
        columns.times_ns.append(unsigned(point.time_unix_nano))
        columns.quantiles.append(tuple((real(at.quantile), real(at.value)) for at in point.quantile_values or ()))
        columns.totals.append(unsigned(point.count))
        columns.sums.append(real(point.sum))
    return columns


def _is_ended(flags: messages.Integer) -> bool:
    return flags is not None and bool(unsigned(flags) & _NO_RECORDED_VALUE)
