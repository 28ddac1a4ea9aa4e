"""PromQL over a histogram in either form: classic buckets, or one native (exponential) histogram.

A sender uses one form or the other; what a form has no series of is empty, and `or` takes the one that is there.
"""

__all__ = ["count", "mean", "quantile"]


def quantile(q: float, name: str, by: str, window: str, matchers: str = "") -> str:
    """A quantile of the samples of a window.

    Args:
        q: 0 to 1.
        name: the histogram's, without a suffix.
        by: labels to keep, separated by commas.
        window: for example `1m`.
        matchers: with their braces; empty for all series.
    """
    classic = f"sum by ({by}, le) (rate({name}_bucket{matchers}[{window}]))"
    native = f"sum by ({by}) (rate({name}{matchers}[{window}]))"
    return f"histogram_quantile({q}, {classic} or {native})"


def count(name: str, by: str, window: str, matchers: str = "") -> str:
    """How many samples a window holds; arguments as `quantile`."""
    classic = f"sum by ({by}) (increase({name}_count{matchers}[{window}]))"
    native = f"histogram_count(sum by ({by}) (increase({name}{matchers}[{window}])))"
    return f"({classic} or {native})"


def mean(name: str, by: str, window: str, matchers: str = "") -> str:
    """The mean of the samples of a window; arguments as `quantile`."""
    total, number = (f"sum by ({by}) (rate({name}_{part}{matchers}[{window}]))" for part in ("sum", "count"))
    native = f"sum by ({by}) (rate({name}{matchers}[{window}]))"
    return f"({total} / {number} or histogram_sum({native}) / histogram_count({native}))"
