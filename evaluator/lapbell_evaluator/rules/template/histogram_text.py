"""A native histogram as templates show it: `{count:3, sum:5, (1,2]:3}`.

Source: Prometheus 3, model/histogram/float_histogram.go, `FloatHistogram.String`.
"""

import math
from collections.abc import Iterator

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.rules.template.floats import shown_float
from lapbell_evaluator.series.native import bound

__all__ = ["shown_histogram"]


def shown_histogram(histogram: Histogram) -> str:
    """Totals, then the buckets that are not empty, in ascending order."""
    parts = [f"count:{shown_float(histogram.count)}", f"sum:{shown_float(histogram.sum)}"]
    return "{" + ", ".join((*parts, *(f"{edges}:{shown_float(count)}" for edges, count in _buckets(histogram)))) + "}"


def _buckets(histogram: Histogram) -> Iterator[tuple[str, float]]:
    schema, threshold = histogram.schema, histogram.zero_threshold
    for at in reversed(range(len(histogram.negative))):
        if count := float(histogram.negative[at]):
            index = histogram.negative_offset + at
            yield f"[{_edges(-bound(schema, index), -bound(schema, index - 1))})", count
    if histogram.zero_count:
        yield f"[{_edges(-threshold, threshold)}]", histogram.zero_count
    for at, count in enumerate(histogram.positive.tolist()):
        if count:
            yield _positive(histogram, histogram.positive_offset + at), count


def _positive(histogram: Histogram, index: int) -> str:
    if not histogram.is_custom:
        return f"({_edges(bound(histogram.schema, index - 1), bound(histogram.schema, index))}]"
    bounds = (-math.inf, *histogram.bounds, math.inf)
    return f"{'(' if index else '['}{_edges(bounds[index], bounds[index + 1])}]"


def _edges(lower: float, upper: float) -> str:
    return f"{shown_float(lower)},{shown_float(upper)}"
