"""Deltas become totals: what a series has summed up to so far is kept, and each delta counts once."""

from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.receiver.exponential import added
from lapbell_evaluator.receiver.families import Series

__all__ = ["REPEATED", "accumulated", "accumulated_histogram"]

REPEATED: Final = "deltas that were counted before"


def accumulated(series: Series, end_ns: int, change: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """The totals of `series` after a delta that ended at `end_ns`; None for a delta that was counted before.

    Source: OpenTelemetry metrics data model, "Sums: Delta-to-Cumulative": points must not overlap; a point whose end
    is not after the last one is a repetition or came too late.

    Args:
        series: its totals move.
        end_ns: Unix nanoseconds.
        change: float64[k], one per series.
    """
    if series.totals is not None and end_ns <= series.last_ns:
        return None
    series.last_ns = end_ns
    series.totals = change.astype(np.float64) if series.totals is None else series.totals + change
    return series.totals


def accumulated_histogram(series: Series, end_ns: int, change: Histogram) -> Histogram | None:
    """As `accumulated`, for an exponential histogram."""
    if series.histogram is not None and end_ns <= series.last_ns:
        return None
    series.last_ns = end_ns
    series.histogram = change if series.histogram is None else added(series.histogram, change)
    return series.histogram
