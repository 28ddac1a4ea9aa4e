"""A native histogram as text."""

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.promql.annotations import go_number
from lapbell_evaluator.promql.histograms.native_buckets import buckets

__all__ = ["histogram_text"]


def histogram_text(histogram: Histogram) -> str:
    """A native histogram as a label's value says it."""
    parts = [f"count:{go_number(histogram.count)}", f"sum:{go_number(histogram.sum)}"]
    for bucket in buckets(histogram):
        is_closed_below = (histogram.is_custom is False and bucket.upper <= 0) or bucket.lower < 0 < bucket.upper
        opening = "[" if is_closed_below or bucket.lower == -histogram.zero_threshold else "("
        closing = ")" if bucket.upper < 0 else "]"
        parts.append(f"{opening}{go_number(bucket.lower)},{go_number(bucket.upper)}{closing}:{go_number(bucket.count)}")
    return "{" + ", ".join(parts) + "}"
