"""Range functions that need the ends of a window only: rates, differences, first and last samples.

The increase of a counter is last - first plus what was lost at each reset. Resets are rare: each series knows when it
last fell (`Frame.last_resets`), and only series that fell since their first sample in a window are looked at closely
(`_add_resets`). Of all others two samples are read, however long the range is.

All arrays are [step, series]: times int64 in milliseconds, values float64, presence bool.
"""

import numpy as np

from lapbell_evaluator.promql.selectors.window import Window
from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["anchored", "ends", "extrapolated", "instant_change"]


def ends(window: Window) -> tuple[Ints, Floats, Ints, Floats]:
    """Times and values of the first and the last sample, each [step, series]; anything where the window is empty."""
    frame = window.frame
    first = np.minimum(window.first, np.maximum(window.end - 1, 0))
    last = np.maximum(window.end - 1, 0)
    return frame.times_at(first), frame.values_at(first), frame.times_at(last), frame.values_at(last)


def extrapolated(window: Window, *, is_counter: bool, is_rate: bool) -> tuple[Floats, Bools]:
    """`rate`, `increase` and `delta`: value and presence, each [step, series].

    Source: Prometheus 3.14, promql/functions.go, `extrapolatedRate`.
    """
    first_time, first_value, last_time, last_value = ends(window)
    count = window.count
    present = count >= 2  # a slope needs two points
    with np.errstate(all="ignore"):
        change = last_value - first_value
        if is_counter:
            _add_resets(window, change, first_time, present)
        sampled = (last_time - first_time) / 1000
        average = sampled / np.maximum(count - 1, 1)
        threshold = average * 1.1
        to_start = (first_time - window.after_ms[:, None]) / 1000
        to_end = (window.until_ms[:, None] - last_time) / 1000
        to_start = np.where(to_start >= threshold, average / 2, to_start)
        if is_counter:
            to_zero = sampled * (first_value / change)
            is_sloped = (change > 0) & (first_value >= 0) & (to_zero < to_start)
            to_start = np.where(is_sloped, to_zero, to_start)
        to_end = np.where(to_end >= threshold, average / 2, to_end)
        factor = np.where(sampled == 0, 1.0, (sampled + to_start + to_end) / sampled)
        if is_rate:
            factor /= (window.until_ms - window.after_ms)[:, None] / 1000
        return change * factor, present


def anchored(window: Window, before: Ints, range_ms: int, *, is_counter: bool, is_rate: bool) -> tuple[Floats, Bools]:
    """`rate`, `increase` and `delta` from the last sample at or before the start of the range; nothing is extrapolated.

    Args:
        window: reaches back before the range by the lookback.
        before: int64[step, series], the row after the last sample at or before the start of the range.
        range_ms: of the range itself.
        is_counter: whether a fall is a reset.
        is_rate: whether the answer is per second.

    Source: Prometheus 3.14, promql/functions.go, `extendedRate`.
    """
    starts = window.until_ms - range_ms
    first = np.where(before > window.first, before - 1, window.first)
    own = Window(window.frame, window.after_ms, window.until_ms, first, window.end)
    first_time, first_value, last_time, last_value = ends(own)
    present = (own.count > 0) & (last_time > starts[:, None])
    with np.errstate(all="ignore"):
        change = last_value - first_value
        if is_counter:
            _add_resets(own, change, first_time, present)
    return change / (range_ms / 1000) if is_rate else change, present


def _add_resets(window: Window, change: Floats, first_time: Ints, present: Bools) -> None:
    """Add what counters had before they began anew; only series that fell since their first sample are looked at."""
    suspects = (window.frame.last_resets() > first_time) & present
    for step in np.flatnonzero(suspects.any(axis=1)).tolist():
        series = np.flatnonzero(suspects[step])
        values, is_inside = window.samples_of(step, series)
        fell = (values[1:] < values[:-1]) & is_inside[1:] & is_inside[:-1]
        lost = np.where(fell, values[:-1], 0.0)
        for row in lost:  # in the order of time, as Prometheus adds them
            change[step, series] += row


def instant_change(window: Window, *, is_counter: bool) -> tuple[Floats, Bools]:
    """`irate` and `idelta`: from the last two samples.

    Source: Prometheus 3.14, promql/functions.go, `instantValue`.
    """
    present = window.count >= 2
    last = np.maximum(window.end - 1, 0)
    before = np.maximum(last - 1, 0)
    new, old = window.frame.values_at(last), window.frame.values_at(before)
    interval = window.frame.times_at(last) - window.frame.times_at(before)
    with np.errstate(all="ignore"):
        change = new - old
        if is_counter:
            change = np.where(new < old, new, change) / (interval / 1000)
    return change, present & (interval > 0)
