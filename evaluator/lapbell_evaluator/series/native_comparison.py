"""Whether native histograms are equal, and whether a counter of them began anew.

Source: Prometheus 3.14, model/histogram/float_histogram.go, `Equals` and `DetectReset`.
"""

import numpy as np

from lapbell_evaluator.model import CounterHint, Histogram
from lapbell_evaluator.series.arrays import Floats
from lapbell_evaluator.series.native import aligned, compacted, mapped, reduced, uncut, widened

__all__ = ["equal", "is_reset"]


def equal(first: Histogram, second: Histogram) -> bool:
    """Whether both hold the same counts in the same buckets; hints do not matter."""
    one, other = compacted(first), compacted(second)
    return (
        one.schema == other.schema
        and one.bounds == other.bounds
        and one.zero_threshold == other.zero_threshold
        and _same(one.count, other.count)
        and _same(one.sum, other.sum)
        and _same(one.zero_count, other.zero_count)
        and (one.positive_offset, one.negative_offset) == (other.positive_offset, other.negative_offset)
        and np.array_equal(one.positive, other.positive, equal_nan=True)
        and np.array_equal(one.negative, other.negative, equal_nan=True)
    )


def _same(first: float, second: float) -> bool:
    return first == second or (np.isnan(first) and np.isnan(second))


def is_reset(current: Histogram, previous: Histogram) -> bool:
    """Whether a counter began anew between two of its samples."""
    if current.hint is CounterHint.RESET:
        return True
    if current.hint is CounterHint.NOT_RESET:
        return False
    if current.count < previous.count:
        return True
    if current.is_custom:
        return not previous.is_custom or _any_custom_fell(current, previous)
    if previous.is_custom or current.schema > previous.schema or current.zero_threshold < previous.zero_threshold:
        return True
    if uncut(previous, current.zero_threshold) != current.zero_threshold:
        return True
    before = reduced(widened(previous, current.zero_threshold), current.schema)
    if current.zero_count < before.zero_count:
        return True
    return _any_fell(current.positive, current.positive_offset, before.positive, before.positive_offset) or _any_fell(
        current.negative, current.negative_offset, before.negative, before.negative_offset
    )


def _any_custom_fell(current: Histogram, previous: Histogram) -> bool:
    bounds = current.bounds
    if current.bounds != previous.bounds:
        bounds = tuple(sorted(set(current.bounds) & set(previous.bounds)))
    return bool((mapped(current, bounds) < mapped(previous, bounds)).any())


def _any_fell(current: Floats, current_offset: int, previous: Floats, previous_offset: int) -> bool:
    change, _ = aligned(current, current_offset, -previous, previous_offset)
    return bool((change < 0).any())
