"""Exponential histograms: from OTLP's buckets to Prometheus', and the arithmetic of deltas.

At scale s the bounds of buckets are the powers of base = 2^(2^-s). Going from s to s - 1 squares the base, so two
neighbours become one bucket and nothing is lost but resolution: every change of scale here is exact.

Buckets are dense: `counts`, float64[k], and the number of the first, `offset`. OTLP numbers a bucket by its lower
bound, (base^i, base^(i+1)]; Prometheus by its upper one, (base^(i-1), base^i]. So Prometheus' number is OTLP's plus
one, and numbering by upper bounds makes merging a division that rounds up: i becomes ceil(i / 2), because base^i, the
largest value of bucket i, must stay inside. All functions but `histogram_of` use Prometheus' numbers.

Sources: OpenTelemetry data model, "Exponential Scale"; Prometheus, model/histogram/float_histogram.go.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Histogram

__all__ = ["MOST_BUCKETS", "OUT_OF_RANGE", "WRONG_COUNT", "OtlpBuckets", "added", "adds_up", "histogram_of"]

OUT_OF_RANGE: Final = "exponential histogram points whose scale or buckets are out of range"
WRONG_COUNT: Final = "exponential histogram points whose buckets do not add up to their count"
_FINEST_SCALE: Final = 8
_COARSEST_SCALE: Final = -4
_FINEST_OTLP_SCALE: Final = 20
_DOUBLE_EXPONENTS: Final = 1_075  # doubles reach from 2^-1074 to 2^1024
MOST_BUCKETS: Final = 10_000

_Floats = npt.NDArray[np.float64]
_NO_BUCKETS: Final[_Floats] = np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class OtlpBuckets:
    """Buckets on one side of zero, as OTLP numbers them: bucket i holds (base^(offset+i), base^(offset+i+1)]."""

    offset: int
    counts: Sequence[int]


def histogram_of(
    *,
    scale: int,
    count: int,
    sum_: float,
    zero_count: int,
    zero_threshold: float,
    positive: OtlpBuckets,
    negative: OtlpBuckets,
) -> Histogram | None:
    """The native histogram of an exponential point; None if it is out of range.

    Out of range is a scale coarser than Prometheus knows, too many buckets, or buckets that no double falls into. A
    finer scale than 8 is made coarser by merging neighbours: exact, because base^2 of one scale is the base of the
    next. OTLP numbers a bucket by its lower bound, Prometheus by its upper one.

    Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, "Exponential Histograms".
    """
    if not (_is_possible(scale, positive) and _is_possible(scale, negative)):
        return None
    steps = max(0, scale - _FINEST_SCALE)
    positive_counts, positive_offset = _coarser(_floats(positive.counts), positive.offset + 1, steps)
    negative_counts, negative_offset = _coarser(_floats(negative.counts), negative.offset + 1, steps)
    return Histogram(
        schema=scale - steps,
        count=float(count),
        sum=sum_,
        zero_threshold=zero_threshold,
        zero_count=float(zero_count),
        positive=positive_counts,
        positive_offset=positive_offset,
        negative=negative_counts,
        negative_offset=negative_offset,
    )


def adds_up(count: int, zero_count: int, positive: OtlpBuckets, negative: OtlpBuckets) -> bool:
    """Whether the buckets of a point hold its count.

    Source: opentelemetry-proto, metrics/v1, `ExponentialHistogramDataPoint.count`: "must be equal to the sum".
    """
    return count == zero_count + sum(positive.counts) + sum(negative.counts)


def _floats(counts: Sequence[int]) -> _Floats:
    return np.array(counts, np.float64) if len(counts) else _NO_BUCKETS


def _is_possible(scale: int, side: OtlpBuckets) -> bool:
    """Whether Prometheus has such a scale, and doubles reach as far as the outermost bucket.

    A power of two has 2^scale buckets at scale `scale`, so bucket numbers reach to 1,075 * 2^scale in either direction.
    """
    buckets = len(side.counts)
    if not _COARSEST_SCALE <= scale <= _FINEST_OTLP_SCALE or buckets > MOST_BUCKETS:
        return False
    furthest = max(abs(side.offset), abs(side.offset + buckets))
    return not buckets or furthest <= math.ldexp(_DOUBLE_EXPONENTS, scale) + 1


def added(total: Histogram, change: Histogram) -> Histogram:
    """The sum of two histograms, at the coarser of their schemas and the wider of their zero buckets."""
    schema = min(total.schema, change.schema)
    one, other = _at_schema(total, schema), _at_schema(change, schema)
    while _width(one, other) > MOST_BUCKETS:
        schema -= 1
        one, other = _at_schema(one, schema), _at_schema(other, schema)
    positive, positive_offset = _sum(one.positive, one.positive_offset, other.positive, other.positive_offset)
    negative, negative_offset = _sum(one.negative, one.negative_offset, other.negative, other.negative_offset)
    return Histogram(
        schema=schema,
        count=one.count + other.count,
        sum=one.sum + other.sum,
        zero_threshold=max(one.zero_threshold, other.zero_threshold),
        zero_count=one.zero_count + other.zero_count,
        positive=positive,
        positive_offset=positive_offset,
        negative=negative,
        negative_offset=negative_offset,
    )


def _width(one: Histogram, other: Histogram) -> int:
    """How many buckets the sum of two histograms has on its wider side.

    Each step to a coarser schema halves it, and two single buckets at opposite ends of the doubles are 2,100
    buckets apart at schema 0: the loop in `added` ends.
    """
    positive = _span(one.positive, one.positive_offset, other.positive, other.positive_offset)
    negative = _span(one.negative, one.negative_offset, other.negative, other.negative_offset)
    return max(positive, negative)


def _span(one: _Floats, one_offset: int, other: _Floats, other_offset: int) -> int:
    """How many buckets lie between the first and the last of both, these included."""
    if not len(one) or not len(other):
        return len(one) + len(other)
    return max(one_offset + len(one), other_offset + len(other)) - min(one_offset, other_offset)


def _at_schema(histogram: Histogram, schema: int) -> Histogram:
    steps = histogram.schema - schema
    if not steps:
        return histogram
    positive, positive_offset = _coarser(histogram.positive, histogram.positive_offset, steps)
    negative, negative_offset = _coarser(histogram.negative, histogram.negative_offset, steps)
    return Histogram(
        schema=schema,
        count=histogram.count,
        sum=histogram.sum,
        zero_threshold=histogram.zero_threshold,
        zero_count=histogram.zero_count,
        positive=positive,
        positive_offset=positive_offset,
        negative=negative,
        negative_offset=negative_offset,
    )


def _coarser(counts: _Floats, offset: int, steps: int) -> tuple[_Floats, int]:
    """Buckets with `2**steps` neighbours merged, and the number of the first: bucket i becomes ceil(i / 2**steps)."""
    if not steps or not len(counts):
        return counts, offset
    # int64[k], the new number of each bucket; -(-i // n) is a ceiling for negative numbers too.
    numbers = -(-(offset + np.arange(len(counts))) // (1 << steps))
    first = int(numbers[0])
    return np.bincount(numbers - first, weights=counts).astype(np.float64), first


def _sum(one: _Floats, one_offset: int, other: _Floats, other_offset: int) -> tuple[_Floats, int]:
    """Counts of both, laid over each other by their numbers, and the number of the first."""
    if not len(one):
        return other, other_offset
    if not len(other):
        return one, one_offset
    first = min(one_offset, other_offset)
    total = np.zeros(_span(one, one_offset, other, other_offset))
    total[one_offset - first : one_offset - first + len(one)] += one
    total[other_offset - first : other_offset - first + len(other)] += other
    return total, first
