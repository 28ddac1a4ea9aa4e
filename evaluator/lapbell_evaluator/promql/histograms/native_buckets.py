"""The populated buckets of a native histogram in the order of their bounds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.series.native import bound

__all__ = ["Bucket", "buckets"]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Observations between two bounds; neither bound is shared with the neighbour's side."""

    lower: float
    upper: float
    count: float


def buckets(histogram: Histogram) -> Iterator[Bucket]:
    """All populated buckets from the lowest to the highest."""
    if histogram.is_custom:
        bounds = (-math.inf, *histogram.bounds, math.inf)
        for at, count in enumerate(histogram.positive.tolist(), histogram.positive_offset):
            if count:
                yield Bucket(bounds[at], bounds[at + 1], count)
        return
    schema, threshold = histogram.schema, histogram.zero_threshold
    for at in range(len(histogram.negative) - 1, -1, -1):
        if count := float(histogram.negative[at]):
            index = at + histogram.negative_offset
            yield Bucket(-bound(schema, index), min(-bound(schema, index - 1), -threshold), count)
    if histogram.zero_count:
        yield Bucket(-threshold, threshold, histogram.zero_count)
    for at, count in enumerate(histogram.positive.tolist()):
        if count:
            index = at + histogram.positive_offset
            yield Bucket(max(bound(schema, index - 1), threshold), bound(schema, index), count)
