"""Instant selectors: the last sample of each series that is not too old."""

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors.selected import rows_until_each, selected
from lapbell_evaluator.promql.selectors.times import shifted_times
from lapbell_evaluator.promql.syntax.ast import VectorSelector
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import BEFORE, Frame, Selection, is_stale
from lapbell_evaluator.series.arrays import Bools, Floats, Ints, Objects

__all__ = ["instant_vector", "last_samples", "sample_times"]


def instant_vector(run: Run, node: VectorSelector) -> Vector:
    """The last sample of each series, if it is not too old and no stale marker."""
    times, is_fixed = shifted_times(run, node.offset, node.at)
    with selected(run, node.matchers, times, run.lookback_ms, is_brief=True) as selection:
        _, values, present = last_samples(selection, times, run)
        histograms = None
        if selection.histograms:
            histograms = _last_histograms(selection, times, run, present)
    if is_fixed and run.steps > 1:
        values, present = np.repeat(values, run.steps, axis=0), np.repeat(present, run.steps, axis=0)
        histograms = None if histograms is None else np.repeat(histograms, run.steps, axis=0)
    return Vector(selection.table, values, present, histograms)


def sample_times(run: Run, node: VectorSelector) -> Vector:
    """The times of the samples of `instant_vector`, Unix seconds."""
    times, is_fixed = shifted_times(run, node.offset, node.at)
    with selected(run, node.matchers, times, run.lookback_ms, is_brief=True) as selection:
        taken_ms, _, present = last_samples(selection, times, run)
        for row, series in selection.histograms.items():
            for step, time in enumerate(run.budget.counted(times.tolist())):
                at = bisect_right(series.times, time) - 1
                newest = int(taken_ms[step, row]) if present[step, row] else 0
                if at >= 0 and series.times[at] > max(time - run.lookback_ms, newest):
                    taken_ms[step, row], present[step, row] = series.times[at], True
    seconds = taken_ms / 1000
    if is_fixed and run.steps > 1:
        seconds, present = np.repeat(seconds, run.steps, axis=0), np.repeat(present, run.steps, axis=0)
    return Vector(selection.table, seconds, present)


def last_samples(selection: Selection, times: Ints, run: Run) -> tuple[Ints, Floats, Bools]:
    """Times, values and presence of each series' last sample, each [step, series]."""
    if not selection.frames:
        shape = (len(times), 0)
        return np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape, np.bool_)
    parts = [_last_of_frame(frame, times, run) for frame in selection.frames]
    if len(parts) == 1:
        return parts[0]
    taken_ms, values, present = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    return taken_ms, values, present


def _last_of_frame(frame: Frame, times: Ints, run: Run) -> tuple[Ints, Floats, Bools]:
    ends = rows_until_each(frame, times, run.budget)
    first = frame.first_rows()
    rows = np.maximum(ends - 1, 0)
    taken_ms = frame.times_at(rows)
    values = frame.values_at(rows)
    present = (ends > first) & (taken_ms > (times - run.lookback_ms)[:, None]) & ~is_stale(values)
    return taken_ms, values, present


def _last_histograms(selection: Selection, times: Ints, run: Run, present: Bools) -> Objects:
    """Native histograms where one is the last sample; `present` is changed to include them."""
    histograms: Objects = np.full(present.shape, None, np.object_)
    for row, series in selection.histograms.items():
        frame, column = _place(selection.frames, row)
        for step, time in enumerate(run.budget.counted(times.tolist())):
            at = bisect_right(series.times, time) - 1
            if at < 0 or series.times[at] <= time - run.lookback_ms:
                continue
            if series.times[at] > _last_float_time(frame, column, time):
                histograms[step, row] = series.histograms[at]
                present[step, row] = True
    return histograms


def _place(frames: Sequence[Frame], row: int) -> tuple[Frame, int]:
    """The frame of a row of the selection's table, and the column in it."""
    for frame in frames:
        if row < frame.size:
            return frame, row
        row -= frame.size
    raise IndexError(row)


def _last_float_time(frame: Frame, column: int, time: int) -> int:
    """The time of the last float or stale marker at or before `time`."""
    end = int(frame.rows_until(time)[column])
    if end <= int(frame.first_rows()[column]):
        return BEFORE
    return int(frame.times(end - 1, end)[0, column])
