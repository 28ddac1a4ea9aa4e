"""Arithmetic of native histograms: sums, differences, coarser buckets, wider zero buckets.

A native histogram with schema s has the bucket bounds 2^(i / 2^s) for every integer i: bucket i holds observations in
(bound(i - 1), bound(i)], negative ones in a mirrored array, and what lies within `zero_threshold` of zero in the zero
bucket. Going from schema s to s - 1 merges two neighbours, so that two histograms always have a common schema: the
coarser one. Buckets are dense here (float64[bucket], the index of the first beside them), where Prometheus keeps spans
of populated ones: adding two histograms is aligning two arrays.

Invariants: `positive[k]` is the bucket with index `positive_offset + k`, the same for `negative`; nothing is changed in
place, and arrays may be shared between histograms. Custom buckets (schema -53, classic bounds) have `len(bounds) + 1`
buckets in `positive` from index 0, no negative ones and no zero bucket; they do not mix with exponential ones.

Source of all rules: Prometheus 3.14, model/histogram/float_histogram.go; the format is described in
https://prometheus.io/docs/specs/native_histograms/.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lapbell_evaluator.model import CounterHint, Histogram
from lapbell_evaluator.series.arrays import Floats

__all__ = [
    "Combined",
    "IncompatibleSchemasError",
    "added",
    "aligned",
    "bound",
    "common_threshold",
    "compacted",
    "divided",
    "mapped",
    "multiplied",
    "reduced",
    "subtracted",
    "uncut",
    "widened",
    "with_hint",
]

_EMPTY: Final = np.empty(0, np.float64)


class IncompatibleSchemasError(Exception):
    """Exponential and custom buckets do not mix."""


@dataclass(frozen=True, slots=True)
class Combined:
    """A sum or difference.

    Attributes:
        histogram: the result.
        hints_collide: one side says that it was reset, the other that it was not.
        bounds_reconciled: custom bounds differed; only those of both sides are left.
    """

    histogram: Histogram
    hints_collide: bool
    bounds_reconciled: bool


def bound(schema: int, index: int) -> float:
    """The upper bound of the exponential bucket `index`."""
    return float(np.exp2(np.float64(index) * 2.0**-schema))


def with_hint(histogram: Histogram, hint: CounterHint) -> Histogram:
    """The same with another counter reset hint."""
    return histogram if histogram.hint is hint else replace(histogram, hint=hint)


def multiplied(histogram: Histogram, factor: float) -> Histogram:
    """Every count and the sum times a factor; a negative one makes a gauge."""
    return replace(
        histogram,
        count=histogram.count * factor,
        sum=histogram.sum * factor,
        zero_count=histogram.zero_count * factor,
        positive=histogram.positive * factor,
        negative=histogram.negative * factor,
        hint=CounterHint.GAUGE if factor < 0 else histogram.hint,
    )


def divided(histogram: Histogram, divisor: float) -> Histogram:
    """Every count and the sum divided; nothing but infinite totals is left after a division by zero."""
    with np.errstate(all="ignore"):
        count, total, zero = (
            float(np.float64(one) / divisor) for one in (histogram.count, histogram.sum, histogram.zero_count)
        )
        if divisor == 0:
            return replace(histogram, count=count, sum=total, zero_count=zero, positive=_EMPTY, negative=_EMPTY)
        return replace(
            histogram,
            count=count,
            sum=total,
            zero_count=zero,
            positive=histogram.positive / divisor,
            negative=histogram.negative / divisor,
            hint=CounterHint.GAUGE if divisor < 0 else histogram.hint,
        )


def added(first: Histogram, second: Histogram) -> Combined:
    """The sum.

    Raises:
        IncompatibleSchemasError: one has exponential buckets, the other custom ones.
    """
    return _combined(first, second, 1.0)


def subtracted(first: Histogram, second: Histogram) -> Combined:
    """The difference.

    Raises:
        IncompatibleSchemasError: as `added`.
    """
    return _combined(first, second, -1.0)


def _combined(first: Histogram, second: Histogram, sign: float) -> Combined:
    if first.is_custom != second.is_custom:
        raise IncompatibleSchemasError
    hint, collide = _joined_hint(first.hint, second.hint)
    if first.is_custom:
        return _combined_custom(first, second, sign, hint, collide=collide)
    schema = min(first.schema, second.schema)
    threshold = common_threshold((first, second))
    one, other = reduced(widened(first, threshold), schema), reduced(widened(second, threshold), schema)
    positive, positive_offset = aligned(one.positive, one.positive_offset, other.positive * sign, other.positive_offset)
    negative, negative_offset = aligned(one.negative, one.negative_offset, other.negative * sign, other.negative_offset)
    result = Histogram(
        schema,
        first.count + sign * second.count,
        first.sum + sign * second.sum,
        threshold,
        one.zero_count + sign * other.zero_count,
        positive,
        positive_offset,
        negative,
        negative_offset,
        hint=hint,
    )
    return Combined(result, collide, bounds_reconciled=False)


def _joined_hint(first: CounterHint, second: CounterHint) -> tuple[CounterHint, bool]:
    """The hint of a sum, and whether one side was reset and the other was not."""
    if first is second:
        return first, False
    if CounterHint.GAUGE in (first, second):
        return CounterHint.GAUGE, False
    return CounterHint.UNKNOWN, CounterHint.UNKNOWN not in (first, second)


def aligned(first: Floats, first_offset: int, second: Floats, second_offset: int) -> tuple[Floats, int]:
    """The sum of two rows of buckets that begin at different indices, float64[bucket], and the index of its first."""
    if not len(second):
        return first, first_offset
    if not len(first):
        return second, second_offset
    start = min(first_offset, second_offset)
    total = np.zeros(max(first_offset + len(first), second_offset + len(second)) - start)
    total[first_offset - start : first_offset - start + len(first)] = first
    total[second_offset - start : second_offset - start + len(second)] += second
    return total, start


def _combined_custom(first: Histogram, second: Histogram, sign: float, hint: CounterHint, *, collide: bool) -> Combined:
    bounds = first.bounds
    is_reconciled = first.bounds != second.bounds
    if is_reconciled:
        bounds = tuple(sorted(set(first.bounds) & set(second.bounds)))
    buckets = mapped(first, bounds) + sign * mapped(second, bounds)
    result = Histogram(
        first.schema,
        first.count + sign * second.count,
        first.sum + sign * second.sum,
        positive=buckets,
        bounds=bounds,
        hint=hint,
    )
    return Combined(result, collide, is_reconciled)


def mapped(histogram: Histogram, bounds: tuple[float, ...]) -> Floats:
    """Custom buckets on coarser bounds, float64[bound + 1]: each goes to the first bound that is not below its own."""
    target = np.zeros(len(bounds) + 1)
    index = np.arange(len(histogram.positive)) + histogram.positive_offset
    own = np.append(np.array(histogram.bounds, np.float64), np.inf)
    np.add.at(
        target, np.searchsorted(np.array(bounds, np.float64), own[np.minimum(index, len(own) - 1)]), histogram.positive
    )
    return target


def reduced(histogram: Histogram, schema: int) -> Histogram:
    """The histogram at a coarser schema: neighbouring buckets merged."""
    if histogram.is_custom or schema >= histogram.schema:
        return histogram
    steps = histogram.schema - schema
    positive, positive_offset = _merged_buckets(histogram.positive, histogram.positive_offset, steps)
    negative, negative_offset = _merged_buckets(histogram.negative, histogram.negative_offset, steps)
    return replace(
        histogram,
        schema=schema,
        positive=positive,
        positive_offset=positive_offset,
        negative=negative,
        negative_offset=negative_offset,
    )


def _merged_buckets(buckets: Floats, offset: int, steps: int) -> tuple[Floats, int]:
    """Buckets `steps` schemas coarser: index i goes to ceil(i / 2^steps), because bounds are upper ones."""
    if not len(buckets):
        return buckets, 0
    target = ((np.arange(len(buckets)) + offset - 1) >> steps) + 1
    start = int(target[0])
    merged: Floats = np.bincount(target - start, weights=buckets).astype(np.float64)
    return merged, start


def common_threshold(members: Sequence[Histogram]) -> float:
    """The smallest zero threshold that cuts no populated bucket of any; widening for one may cut another's."""
    threshold = max(one.zero_threshold for one in members)
    while True:
        wider = max(uncut(one, threshold) for one in members)
        if wider == threshold:
            return threshold
        threshold = wider


def uncut(histogram: Histogram, threshold: float) -> float:
    """`threshold`, or the far end of the populated bucket that it would cut."""
    if threshold <= histogram.zero_threshold:
        return threshold
    widest = threshold
    for buckets, offset in (
        (histogram.positive, histogram.positive_offset),
        (histogram.negative, histogram.negative_offset),
    ):
        for at in np.flatnonzero(buckets).tolist():
            index = at + offset
            if bound(histogram.schema, index - 1) < threshold < bound(histogram.schema, index):
                widest = max(widest, bound(histogram.schema, index))
    return widest


def widened(histogram: Histogram, threshold: float) -> Histogram:
    """The histogram with a wider zero bucket that has swallowed the buckets inside it."""
    if threshold <= histogram.zero_threshold:
        return histogram
    positive, from_positive = _without_swallowed(
        histogram.schema, histogram.positive, histogram.positive_offset, threshold
    )
    negative, from_negative = _without_swallowed(
        histogram.schema, histogram.negative, histogram.negative_offset, threshold
    )
    return replace(
        histogram,
        zero_threshold=threshold,
        zero_count=histogram.zero_count + from_positive + from_negative,
        positive=positive,
        negative=negative,
    )


def _without_swallowed(schema: int, buckets: Floats, offset: int, threshold: float) -> tuple[Floats, float]:
    """The buckets with those inside the threshold emptied, and how many observations these held."""
    uppers = np.exp2((np.arange(len(buckets)) + offset) * 2.0**-schema)
    is_inside = uppers <= threshold
    return np.where(is_inside, 0.0, buckets), float(buckets[is_inside].sum())


def compacted(histogram: Histogram) -> Histogram:
    """The same without empty buckets at the ends."""
    positive, positive_offset = _trimmed(histogram.positive, histogram.positive_offset)
    negative, negative_offset = _trimmed(histogram.negative, histogram.negative_offset)
    return replace(
        histogram,
        positive=positive,
        positive_offset=positive_offset,
        negative=negative,
        negative_offset=negative_offset,
    )


def _trimmed(buckets: Floats, offset: int) -> tuple[Floats, int]:
    filled = np.flatnonzero(buckets)
    if not len(filled):
        return _EMPTY, 0
    return buckets[filled[0] : filled[-1] + 1], offset + int(filled[0])
