"""What native histograms say about the distribution: quantiles, fractions, variance."""

import math

import numpy as np

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.promql.histograms.native_buckets import Bucket, buckets

__all__ = ["fraction", "nan_count_matters", "quantile", "share_below", "variance"]


def nan_count_matters(histogram: Histogram) -> bool:
    """Whether NaN was observed: the sum is NaN and the buckets hold fewer observations than were made."""
    return math.isnan(histogram.sum) and sum(one.count for one in buckets(histogram)) < histogram.count


def quantile(wanted: float, histogram: Histogram) -> float:
    """The quantile; linear within custom and zero buckets, logarithmic within others.

    Source: Prometheus 3.14, promql/quantile.go, `HistogramQuantile`.
    """
    if wanted < 0:
        return -math.inf
    if wanted > 1:
        return math.inf
    if histogram.count == 0 or math.isnan(wanted):
        return math.nan
    is_forward = math.isnan(histogram.sum) or wanted < 0.5
    ordered = list(buckets(histogram))
    rank = (wanted if is_forward else 1 - wanted) * histogram.count
    count, bucket = 0.0, Bucket(0.0, 0.0, 0.0)
    for bucket in ordered if is_forward else reversed(ordered):
        count += bucket.count
        if count >= rank:
            break
    return _within(histogram, bucket, count, rank, is_forward=is_forward)


def _within(histogram: Histogram, bucket: Bucket, count: float, rank: float, *, is_forward: bool) -> float:
    lower, upper = _bounds(histogram, bucket)
    if histogram.is_custom:
        if math.isinf(bucket.lower):
            if bucket.upper <= 0:
                return bucket.upper
            lower = 0.0
        elif math.isinf(bucket.upper):
            return bucket.lower
    count = min(count, histogram.count)
    if count < rank:
        return math.nan if math.isnan(histogram.sum) else upper
    rank = rank - (count - bucket.count) if is_forward else count - rank
    share = rank / bucket.count
    if histogram.is_custom or (lower <= 0 <= upper):
        return lower + (upper - lower) * share
    low, high = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return float(np.exp2(low + (high - low) * share))
    return -float(np.exp2(high + (low - high) * (1 - share)))


def _bounds(histogram: Histogram, bucket: Bucket) -> tuple[float, float]:
    """The bucket's bounds; the zero bucket of a histogram with one side begins or ends at zero."""
    if histogram.is_custom or not bucket.lower <= 0 <= bucket.upper:
        return bucket.lower, bucket.upper
    has_negative, has_positive = bool(len(histogram.negative)), bool(len(histogram.positive))
    lower = 0.0 if has_positive and not has_negative else bucket.lower
    return lower, 0.0 if has_negative and not has_positive else bucket.upper


def fraction(lower: float, upper: float, histogram: Histogram) -> float:
    """The share of observations between two values.

    Source: Prometheus 3.14, promql/quantile.go, `HistogramFraction`.
    """
    if histogram.count == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    ordered = list(buckets(histogram))
    total = histogram.count
    if math.isnan(histogram.sum):
        total = sum(one.count for one in ordered)
    below_upper, below_lower = (min(_rank(value, histogram, ordered, total), total) for value in (upper, lower))
    return (below_upper - below_lower) / histogram.count


def _rank(value: float, histogram: Histogram, ordered: list[Bucket], total: float) -> float:
    rank = 0.0
    for bucket in ordered:
        lower, upper = _bounds(histogram, bucket)
        if lower >= value:
            return rank
        if lower < value < upper:
            if math.isinf(lower):
                return bucket.count
            return rank + bucket.count * share_below(histogram, lower, upper, value)
        rank += bucket.count
    return total


def share_below(histogram: Histogram, lower: float, upper: float, value: float) -> float:
    """The share of a bucket's observations below a value inside it."""
    if histogram.is_custom or lower <= 0 <= upper:
        return (value - lower) / (upper - lower)
    low, high, at = (math.log2(abs(one)) for one in (lower, upper, value))
    return (at - low) / (high - low) if value > 0 else 1 - (at - high) / (low - high)


def variance(histogram: Histogram) -> float:
    """The variance, each bucket standing at its middle.

    Source: Prometheus 3.14, promql/functions.go, `histogramVariance`.
    """
    if histogram.count == 0:
        return math.nan
    mean = histogram.sum / histogram.count
    squares = []
    for bucket in buckets(histogram):
        if histogram.is_custom:
            middle = (bucket.upper + bucket.lower) / 2
        elif bucket.lower <= 0 <= bucket.upper:
            middle = 0.0
        else:
            middle = math.copysign(math.sqrt(bucket.upper * bucket.lower), bucket.upper)
        squares.append(bucket.count * (middle - mean) ** 2)
    return float(np.sum(squares)) / histogram.count
