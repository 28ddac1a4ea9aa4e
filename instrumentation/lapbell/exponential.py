"""Two exponential histograms become one, at the finer scale that both can be told at.

Bucket `i` of scale `s` holds what lies in `(2^(i/2^s), 2^((i+1)/2^s)]`. One scale less halves the resolution: buckets
`2i` and `2i + 1` become bucket `i`. So a histogram is brought to a coarser scale by shifting its indices to the right,
exactly; to a finer one it can't be brought. https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

import dataclasses
from collections import Counter
from typing import Final

from opentelemetry.sdk.metrics.export import Buckets, ExponentialHistogramDataPoint

__all__ = ["merged_exponential"]

MOST_BUCKETS: Final = 160
"""Buckets of one sign, as in the SDK: a wider range is told at a coarser scale."""


def merged_exponential(
    earlier: ExponentialHistogramDataPoint, later: ExponentialHistogramDataPoint
) -> ExponentialHistogramDataPoint:
    """One point for the time of both, with the attributes of the later one."""
    scale = min(earlier.scale, later.scale)
    positive, negative = (
        _at_scale(of_earlier, earlier.scale - scale) + _at_scale(of_later, later.scale - scale)
        for of_earlier, of_later in ((earlier.positive, later.positive), (earlier.negative, later.negative))
    )
    coarser = max(_steps_to_fit(positive), _steps_to_fit(negative))
    return dataclasses.replace(
        later,
        start_time_unix_nano=earlier.start_time_unix_nano,
        count=earlier.count + later.count,
        sum=earlier.sum + later.sum,
        scale=scale - coarser,
        zero_count=earlier.zero_count + later.zero_count,
        positive=_buckets(positive, coarser),
        negative=_buckets(negative, coarser),
        min=min(earlier.min, later.min),
        max=max(earlier.max, later.max),
        exemplars=later.exemplars or earlier.exemplars,
    )


def _at_scale(buckets: Buckets, coarser: int) -> Counter[int]:
    """Counts by index, so many scales coarser."""
    counts: Counter[int] = Counter()
    for place, count in enumerate(buckets.bucket_counts):
        if count:
            counts[(buckets.offset + place) >> coarser] += count
    return counts


def _steps_to_fit(counts: Counter[int]) -> int:
    """How many scales coarser the range must be told to need no more than the most buckets."""
    if not counts:
        return 0
    first, last, steps = min(counts), max(counts), 0
    while (last >> steps) - (first >> steps) >= MOST_BUCKETS:
        steps += 1
    return steps


def _buckets(counts: Counter[int], coarser: int) -> Buckets:
    if not counts:
        return Buckets(0, [0])
    shifted: Counter[int] = Counter()
    for index, count in counts.items():
        shifted[index >> coarser] += count
    first, last = min(shifted), max(shifted)
    return Buckets(first, [shifted[index] for index in range(first, last + 1)])
