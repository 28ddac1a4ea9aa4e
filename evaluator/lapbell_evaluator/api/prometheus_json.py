"""Query results as Prometheus' HTTP API writes them, in pieces.

Source: prometheus.io/docs/prometheus/latest/querying/api, "Expression query result formats".
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from lapbell_evaluator.api.answers import array, as_json, obj
from lapbell_evaluator.model import Histogram, QueryResult, RangeResult, RangeSeries, Sample, ValueKind

__all__ = ["instant", "number", "ranges", "success"]

_SMALLEST_PLAIN: Final = 1e-6
_LARGEST_PLAIN: Final = 1e21

Json = dict[str, Any]


def number(value: float) -> str:
    """A float as Go's `strconv` writes it: shortest digits, exponents only for the very small and the very large."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    return format(Decimal(text), "f") if _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN else text


def instant(result: QueryResult, time: float) -> Iterator[bytes]:
    """The `data` of an instant query."""
    return obj({"resultType": [as_json(result.kind.value)], "result": _answer(result, time)})


def _answer(result: QueryResult, time: float) -> Iterator[bytes]:
    match result.kind:
        case ValueKind.SCALAR:
            yield as_json([time, number(result.samples[0].value)])
        case ValueKind.STRING:
            yield as_json([time, result.text])
        case ValueKind.MATRIX:
            yield from array(as_json(_series(series)) for series in result.series)
        case ValueKind.VECTOR:
            yield from array(as_json(_sample(sample)) for sample in result.samples)


def _sample(sample: Sample) -> Json:
    if sample.histogram is not None:
        return {"metric": dict(sample.labels), "histogram": [sample.time, _histogram(sample.histogram)]}
    return {"metric": dict(sample.labels), "value": [sample.time, number(sample.value)]}


def ranges(result: RangeResult) -> Iterator[bytes]:
    """The `data` of a range query."""
    series = array(as_json(_series(series)) for series in result.series)
    return obj({"resultType": [as_json("matrix")], "result": series})


def success(data: Iterable[bytes], warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Iterator[bytes]:
    """The envelope of every answer that is no error, around pieces of JSON."""
    body = {"status": [as_json("success")], "data": data}
    if warnings:
        body["warnings"] = [as_json(warnings)]
    if infos:
        body["infos"] = [as_json(infos)]
    return obj(body)


def _series(series: RangeSeries) -> Json:
    body: Json = {"metric": dict(series.labels)}
    if series.points:
        body["values"] = [[time, number(value)] for time, value in series.points]
    if series.histograms:
        body["histograms"] = [[time, _histogram(histogram)] for time, histogram in series.histograms]
    return body


def _histogram(histogram: Histogram) -> Json:
    body: Json = {"count": number(histogram.count), "sum": number(histogram.sum)}
    buckets = [list(bucket) for bucket in _buckets(histogram)]
    if buckets:
        body["buckets"] = buckets
    return body


def _buckets(histogram: Histogram) -> Iterable[tuple[int, str, str, str]]:
    """Boundary rule (0: open left, 1: open right, 3: both closed), lower bound, upper bound, count; lowest first."""
    if histogram.is_custom:
        yield from _custom_buckets(histogram)
        return
    base = 2.0 ** (2.0**-histogram.schema)
    for index in range(len(histogram.negative) - 1, -1, -1):
        upper = base ** (histogram.negative_offset + index)
        if histogram.negative[index]:
            yield 1, number(-upper), number(-upper / base), number(float(histogram.negative[index]))
    if histogram.zero_count:
        width = histogram.zero_threshold
        yield 3, number(-width), number(width), number(histogram.zero_count)
    for index, count in enumerate(histogram.positive):
        upper = base ** (histogram.positive_offset + index)
        if count:
            yield 0, number(upper / base), number(upper), number(float(count))


def _custom_buckets(histogram: Histogram) -> Iterable[tuple[int, str, str, str]]:
    bounds = (-math.inf, *histogram.bounds, math.inf)
    for index, count in enumerate(histogram.positive):
        at = histogram.positive_offset + index
        if count:
            yield (3 if at == 0 else 0), number(bounds[at]), number(bounds[at + 1]), number(float(count))
