"""Whether an answer is the expected one, within what Prometheus' own tests allow."""

import math
import sys

import numpy as np

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.series.native import compacted

EPSILON = 1e-6
_MIN_NORMAL = sys.float_info.min


def almost_equal(first: float, second: float, epsilon: float = EPSILON) -> bool:
    """Source: Prometheus, util/almost."""
    if math.isnan(first) or math.isnan(second):
        return math.isnan(first) and math.isnan(second)
    if first == second:
        return True
    total, difference = abs(first) + abs(second), abs(first - second)
    if first == 0 or second == 0 or total < _MIN_NORMAL:
        return difference < epsilon * _MIN_NORMAL
    return difference / min(total, sys.float_info.max) < epsilon


def almost_equal_histograms(expected: Histogram, actual: Histogram, *, hint_matters: bool) -> bool:
    """Source: Prometheus, promql/promqltest/test.go, `compareNativeHistogram`."""
    one, other = compacted(expected), compacted(actual)
    return (
        one.schema == other.schema
        and one.bounds == other.bounds
        and one.zero_threshold == other.zero_threshold
        and almost_equal(one.count, other.count)
        and almost_equal(one.sum, other.sum)
        and almost_equal(one.zero_count, other.zero_count)
        and (not len(one.positive) or one.positive_offset == other.positive_offset)
        and (not len(one.negative) or one.negative_offset == other.negative_offset)
        and _almost_equal_arrays(one.positive, other.positive)
        and _almost_equal_arrays(one.negative, other.negative)
        and (not hint_matters or one.hint is other.hint)
    )


def _almost_equal_arrays(first: np.ndarray, second: np.ndarray) -> bool:
    return len(first) == len(second) and all(map(almost_equal, first.tolist(), second.tolist()))
