"""The operators `</` and `>/`: a native histogram without its observations above or below a value.

Source: Prometheus 3.14, model/histogram/float_histogram.go, `TrimBuckets`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.promql.histograms.native_buckets import Bucket
from lapbell_evaluator.promql.histograms.native_quantiles import share_below
from lapbell_evaluator.series.arrays import Floats
from lapbell_evaluator.series.native import bound, compacted

__all__ = ["trimmed"]


@dataclass(frozen=True, slots=True)
class _Part:
    """What is left of a bucket: how many observations, and where they stand on average."""

    count: float
    middle: float


def trimmed(histogram: Histogram, value: float, *, is_upper: bool) -> Histogram:
    """The observations up to `value` (`is_upper`), or from it on; counts within a bucket are interpolated."""
    positive = _sides(
        histogram, histogram.positive, histogram.positive_offset, value, is_upper=is_upper, is_positive=True
    )
    negative = _sides(
        histogram, histogram.negative, histogram.negative_offset, value, is_upper=is_upper, is_positive=False
    )
    parts = [*positive, *negative]
    zero = _Part(0.0, 0.0)
    if histogram.zero_count > 0:
        has_positive, has_negative = bool(histogram.positive.any()), bool(histogram.negative.any())
        zero = _zero_bucket(histogram, value, is_upper=is_upper, has_negative=has_negative, has_positive=has_positive)
        parts.append(zero)
    new_positive, new_negative = _counts(positive), _counts(negative)
    if (
        np.array_equal(new_positive, histogram.positive)
        and np.array_equal(new_negative, histogram.negative)
        and zero.count == histogram.zero_count
    ):
        return histogram
    return compacted(
        replace(
            histogram,
            count=sum(one.count for one in parts),
            sum=sum(one.count * one.middle for one in parts),
            zero_count=zero.count,
            positive=new_positive,
            negative=new_negative,
        )
    )


def _counts(parts: list[_Part]) -> Floats:
    return np.array([one.count for one in parts], np.float64)


def _sides(
    histogram: Histogram, counts: Floats, offset: int, value: float, *, is_upper: bool, is_positive: bool
) -> list[_Part]:
    parts = []
    for at, count in enumerate(counts.tolist(), offset):
        if count == 0:
            parts.append(_Part(0.0, 0.0))
            continue
        bucket = _bucket(histogram, at, count, is_positive=is_positive)
        if bucket.upper <= value if is_upper else bucket.lower >= value:
            parts.append(_Part(count, _middle(histogram, bucket.lower, bucket.upper, is_positive=is_positive)))
        elif bucket.lower < value if is_upper else bucket.upper > value:
            parts.append(_cut(histogram, bucket, value, is_upper=is_upper, is_positive=is_positive))
        else:
            parts.append(_Part(0.0, 0.0))
    return parts


def _bucket(histogram: Histogram, index: int, count: float, *, is_positive: bool) -> Bucket:
    if histogram.is_custom:
        bounds = (-math.inf, *histogram.bounds, math.inf)
        return Bucket(bounds[index], bounds[index + 1], count)
    lower, upper = bound(histogram.schema, index - 1), bound(histogram.schema, index)
    return Bucket(lower, upper, count) if is_positive else Bucket(-upper, -lower, count)


def _cut(histogram: Histogram, bucket: Bucket, value: float, *, is_upper: bool, is_positive: bool) -> _Part:
    if math.isinf(bucket.lower):
        return _cut_lowest(bucket, value, is_upper=is_upper)
    if math.isinf(bucket.upper):
        is_beyond = not is_upper and value >= bucket.lower
        return _Part(bucket.count, value) if is_beyond else _Part(0.0, bucket.lower)
    below = bucket.count * share_below(histogram, bucket.lower, bucket.upper, value)
    if is_upper:
        return _Part(below, _middle(histogram, bucket.lower, value, is_positive=is_positive))
    return _Part(bucket.count - below, _middle(histogram, value, bucket.upper, is_positive=is_positive))


def _cut_lowest(bucket: Bucket, value: float, *, is_upper: bool) -> _Part:
    """The bucket without a lower bound: with a positive upper bound it is taken to begin at zero."""
    is_finite = bucket.upper > 0 and not math.isinf(bucket.upper)
    if is_upper:
        if value > 0 and is_finite:
            return _Part(bucket.count * value / bucket.upper, value / 2)
        return _Part(bucket.count, value) if bucket.upper <= 0 else _Part(0.0, 0.0)
    if value >= 0 and bucket.upper > value and is_finite:
        return _Part(bucket.count * (1 - value / bucket.upper), (value + bucket.upper) / 2)
    return _Part(0.0, 0.0)


def _middle(histogram: Histogram, lower: float, upper: float, *, is_positive: bool) -> float:
    if math.isinf(lower):
        return 0.0 if math.isinf(upper) else upper / 2 if upper > 0 else upper
    if math.isinf(upper):
        return lower
    if histogram.is_custom:
        return (lower + upper) / 2
    geometric = math.sqrt(abs(lower * upper))
    return geometric if is_positive else -geometric


def _zero_bucket(
    histogram: Histogram, value: float, *, is_upper: bool, has_negative: bool, has_positive: bool
) -> _Part:
    lower = 0.0 if has_positive and not has_negative else -histogram.zero_threshold
    upper = 0.0 if has_negative and not has_positive else histogram.zero_threshold
    count = histogram.zero_count
    is_whole, is_gone = (value >= upper, value <= lower) if is_upper else (value <= lower, value >= upper)
    if is_gone:
        return _Part(0.0, 0.0)
    if is_whole:
        return _Part(count, (lower + upper) / 2)
    if is_upper:
        return _Part(count * (value - lower) / (upper - lower), (lower + value) / 2)
    return _Part(count * (upper - value) / (upper - lower), (value + upper) / 2)
