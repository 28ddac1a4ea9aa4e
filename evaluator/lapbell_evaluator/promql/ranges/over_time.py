"""Range functions that look at every sample of a window; each takes one step's samples, all series at once.

The samples of a step lie in a block of rows (`Window.block`), so that a sum down the columns handles all series in one
numpy call; recurrences that depend on the order (Welford's variance, double exponential smoothing) go row by row, each
row again all series at once.

`times` is int64[row, series], `values` float64[row, series], `counted` says which cells belong to the window (None: all
of them), `count` is int64[series]. The answer is float64[series]; it means nothing where `count` is 0.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.promql.floats.quantiles import sorted_quantile
from lapbell_evaluator.promql.floats.sums import compensated_sum, kahan_add, mean_of_large
from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["OVER_TIME", "BlockFunction", "quantile_over_time", "regression", "smoothed"]

BlockFunction = Callable[[Ints, Floats, Bools | None, Ints], Floats]


def _all(values: Floats, counted: Bools | None) -> Bools:
    return np.ones(values.shape, np.bool_) if counted is None else counted


def _sum(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    del times, count
    total, lost = compensated_sum(values, counted)
    return np.where(np.isinf(total), total, total + lost)


def _avg(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    del times
    with np.errstate(all="ignore"):
        total, lost = compensated_sum(values, counted)
        mean = total / count + lost / count
        overflowed = np.flatnonzero(np.isinf(total))
    for column in overflowed.tolist():
        own = values[:, column] if counted is None else values[counted[:, column], column]
        mean[column] = mean_of_large(own)
    return mean


def _min(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    del times, count
    least: Floats = np.fmin.reduce(values if counted is None else np.where(counted, values, np.nan), axis=0)
    return least


def _max(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    del times, count
    most: Floats = np.fmax.reduce(values if counted is None else np.where(counted, values, np.nan), axis=0)
    return most


def _variance(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    """Welford's recurrence, compensated. Source: Prometheus 3.14, `varianceOverTime`."""
    del times
    width = values.shape[1]
    mean, mean_lost, square, square_lost = (np.zeros(width) for _ in range(4))
    seen = np.zeros(width)
    is_counted = _all(values, counted)
    with np.errstate(all="ignore"):
        for row, inside in zip(values, is_counted, strict=True):
            seen += inside
            delta = row - (mean + mean_lost)
            new_mean, new_mean_lost = kahan_add(delta / np.maximum(seen, 1), mean, mean_lost)
            mean, mean_lost = np.where(inside, new_mean, mean), np.where(inside, new_mean_lost, mean_lost)
            new, new_lost = kahan_add(delta * (row - (mean + mean_lost)), square, square_lost)
            square, square_lost = np.where(inside, new, square), np.where(inside, new_lost, square_lost)
        variance: Floats = (square + square_lost) / count
    return variance


def _deviation(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    return np.sqrt(_variance(times, values, counted, count))


def _changes(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    del times, count
    differs = (values[1:] != values[:-1]) & ~(np.isnan(values[1:]) & np.isnan(values[:-1]))
    return _pairs(differs, counted)


def _resets(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    del times, count
    with np.errstate(invalid="ignore"):
        return _pairs(values[1:] < values[:-1], counted)


def _pairs(happens: Bools, counted: Bools | None) -> Floats:
    if counted is not None:
        happens = happens & counted[1:] & counted[:-1]
    pairs: Floats = happens.sum(axis=0).astype(np.float64)
    return pairs


def _time_of_min(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    return _time_of(times, values, counted, _min(times, values, counted, count))


def _time_of_max(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    return _time_of(times, values, counted, _max(times, values, counted, count))


def _time_of(times: Ints, values: Floats, counted: Bools | None, wanted: Floats) -> Floats:
    """Seconds of the last sample that has the wanted value; of the last one at all if it is NaN."""
    is_it = (values == wanted) | np.isnan(wanted)
    inside = is_it & _all(values, counted)
    latest: Ints = np.where(inside, times, -(1 << 62)).max(axis=0)
    return latest / 1000


def _deviation_from_median(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
    inside = _all(values, counted)
    median = quantile_over_time(0.5)(times, values, counted, count)
    with np.errstate(invalid="ignore"):
        result = quantile_over_time(0.5)(times, np.abs(values - median), counted, count)
    return np.where((np.isnan(values) & inside).any(axis=0), np.nan, result)


def quantile_over_time(quantile: float) -> BlockFunction:
    """The function for one quantile. NaN counts as less than every number. Source: Prometheus' `quantile`."""

    def block(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
        del times
        return sorted_quantile(quantile, values, _all(values, counted), count)

    return block


def regression(times: Ints, values: Floats, counted: Bools | None, intercept_ms: Ints) -> tuple[Floats, Floats]:
    """Least squares: slope per second and the value at `intercept_ms` (int64[series]).

    Source: Prometheus 3.14, promql/functions.go, `linearRegression`.
    """
    inside = _all(values, counted)
    count = inside.sum(axis=0).astype(np.float64)
    with np.errstate(all="ignore"):
        x = np.where(inside, (times - intercept_ms) / 1000, 0.0)
        y = np.where(inside, values, 0.0)
        sum_x, sum_y, sum_xy, sum_xx = (np.add(*compensated_sum(terms, None)) for terms in (x, y, x * y, x * x))
        slope = (sum_xy - sum_x * sum_y / count) / (sum_xx - sum_x * sum_x / count)
        intercept = sum_y / count - slope * sum_x / count
    first = values[inside.argmax(axis=0), np.arange(values.shape[1])]
    is_constant = ~(inside & (values != first)).any(axis=0)
    slope = np.where(is_constant, np.where(np.isinf(first), np.nan, 0.0), slope)
    return slope, np.where(is_constant, np.where(np.isinf(first), np.nan, first), intercept)


def smoothed(factor: float, trend: float) -> BlockFunction:
    """Double exponential smoothing. Source: Prometheus 3.14, `funcDoubleExponentialSmoothing`."""

    def block(times: Ints, values: Floats, counted: Bools | None, count: Ints) -> Floats:
        del times, count
        inside = _all(values, counted)
        width = values.shape[1]
        previous, current, slope = np.zeros(width), np.zeros(width), np.zeros(width)
        seen = np.zeros(width, np.int64)
        for row, is_inside in zip(values, inside, strict=True):
            slope = np.where(is_inside & (seen == 1), row - current, slope)
            slope = np.where(is_inside & (seen > 1), trend * (current - previous) + (1 - trend) * slope, slope)
            smooth = factor * row + (1 - factor) * (current + slope)
            new = np.where(seen == 0, row, smooth)
            previous = np.where(is_inside & (seen > 0), current, previous)
            current = np.where(is_inside, new, current)
            seen += is_inside
        return current

    return block


OVER_TIME: Final[dict[str, BlockFunction]] = {
    "sum_over_time": _sum,
    "avg_over_time": _avg,
    "stddev_over_time": _deviation,
    "stdvar_over_time": _variance,
    "changes": _changes,
    "resets": _resets,
    "ts_of_min_over_time": _time_of_min,
    "ts_of_max_over_time": _time_of_max,
    "mad_over_time": _deviation_from_median,
}
