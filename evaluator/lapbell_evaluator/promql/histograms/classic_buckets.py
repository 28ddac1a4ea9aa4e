"""Classic histograms: quantiles and fractions from cumulative buckets, many histograms at once.

All arrays are [histogram, bucket] with ascending bounds; histograms with other bounds are computed apart.
"""

from typing import Final

import numpy as np

from lapbell_evaluator.series.arrays import Bools, Floats

__all__ = ["bucket_fraction", "bucket_quantile", "monotonic"]

_SMALL: Final = 1e-12
_MIN_NORMAL: Final = float(np.finfo(np.float64).tiny)
_MAX: Final = float(np.finfo(np.float64).max)


def _almost_equal(first: Floats, second: Floats) -> Bools:
    """Source: Prometheus 3.14, util/almost."""
    with np.errstate(all="ignore"):
        difference = np.abs(first - second)
        total = np.abs(first) + np.abs(second)
        is_tiny = (first == 0) | (second == 0) | (total < _MIN_NORMAL)
        is_close = np.where(
            is_tiny,
            difference < _SMALL * _MIN_NORMAL,
            difference / np.minimum(total, _MAX) < _SMALL,
        )
    both_nan = np.isnan(first) & np.isnan(second)
    result: Bools = (first == second) | is_close | both_nan
    return result


def monotonic(counts: Floats) -> tuple[Floats, Bools]:
    """Counts that never fall, and which cells had to be raised by more than rounding.

    Source: Prometheus 3.14, promql/quantile.go, `ensureMonotonicAndIgnoreSmallDeltas`.
    """
    raised = np.zeros(counts.shape, np.bool_)
    with np.errstate(invalid="ignore"):
        if counts.shape[1] < 2 or bool((_differences_are_plain(counts)).all()):
            return counts, raised
        fixed = counts.copy()
        previous = counts[:, 0].copy()
        for bucket in range(1, counts.shape[1]):
            current = counts[:, bucket]
            is_same = current == previous
            is_noise = ~is_same & _almost_equal(previous, current)
            fell = ~is_same & ~is_noise & (current < previous)
            raised[:, bucket] = fell
            fixed[:, bucket] = np.where(is_noise | fell, previous, current)
            previous = fixed[:, bucket].copy()
    return fixed, raised


def _differences_are_plain(counts: Floats) -> Bools:
    """Which histograms need no mending: each step is nothing, or up by more than rounding."""
    steps = counts[:, 1:] - counts[:, :-1]
    is_plain: Bools = ((steps == 0) | (steps > 4 * _SMALL * np.abs(counts[:, 1:]))).all(axis=1)
    return is_plain


def bucket_quantile(quantile: float, bounds: Floats, counts: Floats) -> Floats:
    """float64[histogram]: the quantile by linear interpolation within its bucket.

    Args:
        quantile: of 0..1; below gives -Inf, above +Inf.
        bounds: float64[bucket], ascending; the last is +Inf, else the answer is NaN.
        counts: float64[histogram, bucket], cumulative, made monotonic.

    Source: Prometheus 3.14, promql/quantile.go, `BucketQuantile`.
    """
    size = len(counts)
    if np.isnan(quantile) or quantile < 0 or quantile > 1:
        return np.full(size, np.nan if np.isnan(quantile) else -np.inf if quantile < 0 else np.inf)
    if len(bounds) < 2 or not np.isposinf(bounds[-1]):
        return np.full(size, np.nan)
    with np.errstate(all="ignore"):
        total = counts[:, -1]
        rank = quantile * total
        bucket = np.argmax(counts[:, :-1] >= rank[:, None], axis=1)
        is_last = ~(counts[:, :-1] >= rank[:, None]).any(axis=1)
        rows = np.arange(size)
        before = np.where(bucket > 0, counts[rows, np.maximum(bucket - 1, 0)], 0.0)
        lower = np.where(bucket > 0, bounds[np.maximum(bucket - 1, 0)], 0.0)
        upper = bounds[bucket]
        value = lower + (upper - lower) * ((rank - before) / (counts[rows, bucket] - before))
        value = np.where((bucket == 0) & (bounds[0] <= 0), bounds[0], value)
        value = np.where(is_last, bounds[-2], value)
    return np.where(total == 0, np.nan, value)


def bucket_fraction(lower: float, upper: float, bounds: Floats, counts: Floats) -> Floats:
    """float64[histogram]: the share of observations between two values.

    Source: Prometheus 3.14, promql/quantile.go, `BucketFraction`.
    """
    size = len(counts)
    if not len(bounds) or not np.isposinf(bounds[-1]) or np.isnan(lower) or np.isnan(upper):
        return np.full(size, np.nan)
    with np.errstate(all="ignore"):
        total = counts[:, -1]
        if lower >= upper:
            return np.where(total == 0, np.nan, 0.0)
        share = (_rank(upper, bounds, counts) - _rank(lower, bounds, counts)) / total
    return np.where(total == 0, np.nan, share)


def _rank(value: float, bounds: Floats, counts: Floats) -> Floats:
    """How many observations are below a value."""
    total = counts[:, -1]
    starts = np.concatenate([[0.0 if bounds[0] > 0 else -np.inf], bounds[:-1]])
    before = np.concatenate([np.zeros((len(counts), 1)), counts[:, :-1]], axis=1)
    for bucket, (start, end) in enumerate(zip(starts.tolist(), bounds.tolist(), strict=True)):
        if start >= value:
            return _least(before[:, bucket], total)
        if start < value < end:
            if np.isneginf(start):
                return _least(counts[:, bucket], total)
            inside = counts[:, bucket] - before[:, bucket]
            return _least(before[:, bucket] + inside * (value - start) / (end - start), total)
    return total


def _least(first: Floats, second: Floats) -> Floats:
    least: Floats = np.minimum(first, second)
    return least
