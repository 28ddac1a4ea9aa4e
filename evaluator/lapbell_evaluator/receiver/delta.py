"""Deltas become totals: what a series has summed up to so far is kept, and each delta counts once."""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.receiver.exponential import added
from lapbell_evaluator.receiver.families import Series

__all__ = ["accumulated", "accumulated_histogram"]

_INTERVALS_KEPT: Final = 64

_Floats = npt.NDArray[np.float64]


def accumulated(series: Series, start_ns: int, end_ns: int, change: _Floats) -> _Floats | None:
    """The totals of `series` after a delta; None if there is nothing new to say.

    A delta that was counted before changes nothing. One that comes late is added, and shows with the next one: the
    total at its own time has been said already.

    Source: OpenTelemetry metrics data model, "Sums: Delta-to-Cumulative".

    Args:
        series: its totals move.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
        change: float64[k], one per series.
    """
    if _is_counted(series, start_ns, end_ns):
        return None
    series.totals = change.astype(np.float64) if series.totals is None else series.totals + change
    return series.totals if _is_next(series, end_ns) else None


def accumulated_histogram(series: Series, start_ns: int, end_ns: int, change: Histogram) -> Histogram | None:
    """As `accumulated`, for an exponential histogram."""
    if _is_counted(series, start_ns, end_ns):
        return None
    series.histogram = change if series.histogram is None else added(series.histogram, change)
    return series.histogram if _is_next(series, end_ns) else None


def _is_counted(series: Series, start_ns: int, end_ns: int) -> bool:
    """Whether the delta of this interval was counted before; notes it if not.

    Only the last intervals are remembered: an older one counts as counted, because counting twice would be worse.
    """
    interval = (start_ns, end_ns)
    if series.counted is None:
        series.counted = deque(maxlen=_INTERVALS_KEPT)
    counted = series.counted
    if end_ns <= series.counted_until_ns or interval in counted:
        return True
    if len(counted) == counted.maxlen and end_ns <= min(end for _, end in counted):
        return True
    counted.append(interval)
    return False


def _is_next(series: Series, end_ns: int) -> bool:
    is_next = end_ns > series.last_ns
    series.last_ns = max(series.last_ns, end_ns)
    return is_next
