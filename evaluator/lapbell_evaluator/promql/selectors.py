"""Selectors: the last value of each series, or a window of its samples."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.promql.ast import At, Duration, MatrixSelector, VectorSelector
from lapbell_evaluator.promql.durations import duration_ms
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.value import Bools, Floats, Ints, Objects, Vector
from lapbell_evaluator.promql.window import Window
from lapbell_evaluator.series import BEFORE, Frame, HistogramSeries, LabelTable, Selection, is_stale

__all__ = ["RangeVector", "instant_vector", "last_samples", "range_vector", "sample_times", "shifted_times"]


@dataclass(frozen=True, slots=True, eq=False)
class RangeVector:
    """Series with their samples in a window that ends at each step.

    Attributes:
        table: labels.
        windows: of the frames, one after the other; they have the steps `after_ms` and `until_ms`.
        histograms: native histograms by row of `table`.
        after_ms: int64[step], not part of the window.
        until_ms: int64[step], part of it.
        range_ms: from one to the other; the lookback before an anchored window is not part of it.
        is_fixed: whether all steps see the same window; then the arrays have one step.
    """

    table: LabelTable
    windows: tuple[Window, ...]
    histograms: dict[int, HistogramSeries]
    after_ms: Ints
    until_ms: Ints
    range_ms: int
    is_fixed: bool


def shifted_times(run: Run, offset: Duration | None, at: float | At | None) -> tuple[Ints, bool]:
    """The times that a selector looks at, and whether these are one time for all steps."""
    back = 0 if offset is None else duration_ms(offset, run.step_s, run.range_s, may_be_negative=True)
    match at:
        case None:
            return run.times - back, False
        case At.START:
            fixed = run.start_ms
        case At.END:
            fixed = run.end_ms
        case _:
            fixed = round(at * 1000)
    return np.array([fixed - back]), True


def instant_vector(run: Run, node: VectorSelector) -> Vector:
    """The last sample of each series, if it is not too old and no stale marker."""
    times, is_fixed = shifted_times(run, node.offset, node.at)
    with run.storage.select(node.matchers, int(times[0]) - run.lookback_ms, int(times[-1])) as selection:
        run.budget.reserve(selection.table.size, len(times))
        _, values, present = last_samples(selection, times, run.lookback_ms)
        histograms = None
        if selection.histograms:
            histograms = _last_histograms(selection, times, run.lookback_ms, present)
    if is_fixed and run.steps > 1:
        values, present = np.repeat(values, run.steps, axis=0), np.repeat(present, run.steps, axis=0)
        histograms = None if histograms is None else np.repeat(histograms, run.steps, axis=0)
    return Vector(selection.table, values, present, histograms)


def sample_times(run: Run, node: VectorSelector) -> Vector:
    """The times of the samples of `instant_vector`, Unix seconds."""
    times, is_fixed = shifted_times(run, node.offset, node.at)
    with run.storage.select(node.matchers, int(times[0]) - run.lookback_ms, int(times[-1])) as selection:
        run.budget.reserve(selection.table.size, len(times))
        found, _, present = last_samples(selection, times, run.lookback_ms)
        for row, held in selection.histograms.items():
            for step, time in enumerate(times.tolist()):
                at = bisect_right(held.times, time) - 1
                if at >= 0 and held.times[at] > max(time - run.lookback_ms, int(found[step, row]) * present[step, row]):
                    found[step, row], present[step, row] = held.times[at], True
    seconds = found / 1000
    if is_fixed and run.steps > 1:
        seconds, present = np.repeat(seconds, run.steps, axis=0), np.repeat(present, run.steps, axis=0)
    return Vector(selection.table, seconds, present)


def last_samples(selection: Selection, times: Ints, lookback_ms: int) -> tuple[Ints, Floats, Bools]:
    """Times, values and presence of each series' last sample, each [step, series]."""
    if not selection.frames:
        shape = (len(times), 0)
        return np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape, np.bool_)
    parts = [_last_of_frame(frame, times, lookback_ms) for frame in selection.frames]
    if len(parts) == 1:
        return parts[0]
    found, values, present = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    return found, values, present


def _last_of_frame(frame: Frame, times: Ints, lookback_ms: int) -> tuple[Ints, Floats, Bools]:
    ends = np.stack([frame.rows_until(time) for time in times.tolist()])
    first = frame.first_rows()
    rows = np.maximum(ends - 1, 0)
    found = frame.times_at(rows)
    values = frame.values_at(rows)
    present = (ends > first) & (found > (times - lookback_ms)[:, None]) & ~is_stale(values)
    return found, values, present


def _last_histograms(selection: Selection, times: Ints, lookback_ms: int, present: Bools) -> Objects:
    """Native histograms where one is the last sample; `present` is changed to include them."""
    histograms: Objects = np.full(present.shape, None, np.object_)
    for row, held in selection.histograms.items():
        frame, column = _place(selection.frames, row)
        for step, time in enumerate(times.tolist()):
            at = bisect_right(held.times, time) - 1
            if at < 0 or held.times[at] <= time - lookback_ms:
                continue
            if held.times[at] > _last_float_time(frame, column, time):
                histograms[step, row] = held.histograms[at]
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


@contextmanager
def range_vector(run: Run, node: MatrixSelector) -> Iterator[RangeVector]:
    """The windows of a range selector; samples do not change within the context."""
    until, is_fixed = shifted_times(run, node.selector.offset, node.selector.at)
    range_ms = duration_ms(node.range, run.step_s, run.range_s)
    after = until - range_ms - (run.lookback_ms if node.is_anchored else 0)
    with run.storage.select(node.selector.matchers, int(after[0]), int(until[-1])) as selection:
        run.budget.reserve(selection.table.size, len(until))
        windows = tuple(Window.of(frame, after, until) for frame in selection.frames)
        yield RangeVector(selection.table, windows, selection.histograms, after, until, range_ms, is_fixed)


def histograms_within(held: HistogramSeries, after_ms: int, until_ms: int) -> list[tuple[int, Histogram]]:
    """A series' native histograms after one time up to another."""
    begin, end = bisect_right(held.times, after_ms), bisect_right(held.times, until_ms)
    return list(zip(held.times[begin:end], held.histograms[begin:end], strict=True))
