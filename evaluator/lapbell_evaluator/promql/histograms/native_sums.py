"""Sums and means of many native histograms: aligned on common buckets, they are columns like any other."""

from collections.abc import Callable, Sequence

import numpy as np

from lapbell_evaluator.model import CounterHint, Histogram
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.floats.sums import compensated_sum, mean_of_large
from lapbell_evaluator.promql.syntax.position import Position
from lapbell_evaluator.series.arrays import Floats
from lapbell_evaluator.series.native import common_threshold, compacted, mapped, reduced, widened

__all__ = ["average", "total"]


def total(members: Sequence[Histogram], annotations: Annotations, metric: str, at: Position) -> Histogram | None:
    """The sum; None if exponential and custom buckets are among them."""
    return _combined(members, annotations, metric, at, _sums)


def average(members: Sequence[Histogram], annotations: Annotations, metric: str, at: Position) -> Histogram | None:
    """The mean; None as `total`."""
    return _combined(members, annotations, metric, at, _means)


def _sums(columns: Floats) -> Floats:
    """float64[column] of float64[histogram, column]."""
    with np.errstate(all="ignore"):
        sums, lost = compensated_sum(columns, None)
        return np.where(np.isinf(sums), sums, sums + lost)


def _means(columns: Floats) -> Floats:
    with np.errstate(all="ignore"):
        sums, lost = compensated_sum(columns, None)
        means = sums / len(columns) + lost / len(columns)
        for column in np.flatnonzero(np.isinf(sums)).tolist():
            means[column] = mean_of_large(columns[:, column])
    return means


def _combined(
    members: Sequence[Histogram],
    annotations: Annotations,
    metric: str,
    at: Position,
    function: Callable[[Floats], Floats],
) -> Histogram | None:
    if len({one.is_custom for one in members}) > 1:
        annotations.mixed_schemas(metric, at)
        return None
    hints = {one.hint for one in members}
    if {CounterHint.RESET, CounterHint.NOT_RESET} <= hints:
        annotations.hints_collide("aggregation", at)
    hint = next(iter(hints)) if len(hints) == 1 else CounterHint.UNKNOWN
    hint = CounterHint.GAUGE if CounterHint.GAUGE in hints else hint
    if members[0].is_custom:
        return compacted(_of_custom(members, hint, annotations, at, function))
    return compacted(_of_exponential(members, hint, function))


def _of_custom(
    members: Sequence[Histogram],
    hint: CounterHint,
    annotations: Annotations,
    at: Position,
    function: Callable[[Floats], Floats],
) -> Histogram:
    bounds = members[0].bounds
    if any(one.bounds != bounds for one in members):
        annotations.bounds_reconciled("aggregation", at)
        bounds = tuple(sorted(set(bounds).intersection(*(one.bounds for one in members))))
    columns = np.stack([np.concatenate([[one.count, one.sum], mapped(one, bounds)]) for one in members])
    result = function(columns)
    return Histogram(
        members[0].schema, float(result[0]), float(result[1]), positive=result[2:], bounds=bounds, hint=hint
    )


def _of_exponential(members: Sequence[Histogram], hint: CounterHint, function: Callable[[Floats], Floats]) -> Histogram:
    schema, threshold = min(one.schema for one in members), common_threshold(members)
    aligned = [reduced(widened(one, threshold), schema) for one in members]
    positive, positive_offset = _stacked([(one.positive, one.positive_offset) for one in aligned])
    negative, negative_offset = _stacked([(one.negative, one.negative_offset) for one in aligned])
    totals = np.array([(one.count, one.sum, one.zero_count) for one in aligned], np.float64)
    result = function(np.concatenate([totals, positive, negative], axis=1))
    middle = 3 + positive.shape[1]
    return Histogram(
        schema,
        float(result[0]),
        float(result[1]),
        threshold,
        float(result[2]),
        result[3:middle],
        positive_offset,
        result[middle:],
        negative_offset,
        hint=hint,
    )


def _stacked(sides: Sequence[tuple[Floats, int]]) -> tuple[Floats, int]:
    """Buckets of all histograms as float64[histogram, bucket], and the index of the first bucket."""
    filled = [(buckets, offset) for buckets, offset in sides if len(buckets)]
    if not filled:
        return np.zeros((len(sides), 0)), 0
    start = min(offset for _, offset in filled)
    stop = max(offset + len(buckets) for buckets, offset in filled)
    stacked = np.zeros((len(sides), stop - start))
    for row, (buckets, offset) in enumerate(sides):
        stacked[row, offset - start : offset - start + len(buckets)] = buckets
    return stacked, start
