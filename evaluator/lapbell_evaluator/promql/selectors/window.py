"""The samples that a range function sees: for each step and series, some rows of a frame.

A window holds no samples, only where they are: `first` and `end`, int64[step, series], are row numbers in a frame whose
rows are moments. `rate()` reads two cells per series through them (`rates.ends`), however long the range is; functions
that look at every sample get a block of rows per step (`Window.block`), a slice without a copy where all series have a
sample in every row.

Invariant: windows are half-open, after `after_ms` up to and including `until_ms`, as Prometheus' have been since 3.0.
Stale markers are still in a ring's frame; `dense` makes a frame without them for the few series that have one.
"""

from dataclasses import dataclass

import numpy as np

from lapbell_evaluator.promql.run import Budget
from lapbell_evaluator.promql.selectors.selected import rows_until_each
from lapbell_evaluator.series import AFTER, BEFORE, Frame, is_stale
from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["DenseFrame", "Window", "compacted", "dense"]


@dataclass(frozen=True, slots=True, eq=False)
class DenseFrame:
    """A frame whose series all begin in the first row.

    Attributes:
        all_times: int64[row, series], `AFTER` below a series' last sample.
        all_values: float64[row, series].
        ends: int64[series], number of samples.
        is_grid: whether all series have a sample in every row, at the same time.
    """

    all_times: Ints
    all_values: Floats
    ends: Ints
    is_grid: bool = False

    @property
    def size(self) -> int:
        """Number of series."""
        return len(self.ends)

    def rows_until(self, time_ms: int) -> Ints:
        """See `Frame`."""
        if self.is_grid:
            return np.full(self.size, np.searchsorted(self.all_times[:, 0], time_ms, side="right"))
        count: Ints = (self.all_times <= time_ms).sum(axis=0, dtype=np.int64)
        return count

    def first_rows(self) -> Ints:
        """See `Frame`."""
        return np.zeros(self.size, np.int64)

    def times(self, begin: int, end: int) -> Ints:
        """See `Frame`."""
        return self.all_times[begin:end]

    def values(self, begin: int, end: int) -> Floats:
        """See `Frame`."""
        return self.all_values[begin:end]

    def times_at(self, rows: Ints) -> Ints:
        """See `Frame`."""
        return self.all_times[rows, np.arange(self.size)]

    def values_at(self, rows: Ints) -> Floats:
        """See `Frame`."""
        return self.all_values[rows, np.arange(self.size)]

    def last_resets(self) -> Ints:
        """Not known here: every series may have fallen at its last sample."""
        return np.full(self.size, AFTER)

    def last_stales(self) -> Ints:
        """None: stale markers were left out."""
        return np.full(self.size, BEFORE)


def compacted(times: Ints, values: Floats, is_kept: Bools, *, is_grid: bool = False) -> DenseFrame:
    """A frame of the samples that are kept; all arguments are [row, series]. It has a row even if none is.

    `is_grid` says that the times of a row are the same for all series.
    """
    if not len(times):
        none = np.zeros((1, times.shape[1]))
        return DenseFrame(np.full(none.shape, AFTER), none, np.zeros(times.shape[1], np.int64))
    if is_grid and times.shape[1] and bool(is_kept.all()):
        return DenseFrame(times, values, np.full(times.shape[1], len(times)), is_grid=True)
    order = np.argsort(~is_kept, axis=0, kind="stable")  # int64[row, series]: kept rows first, in the order of time
    ends = is_kept.sum(axis=0, dtype=np.int64)
    new_times = np.take_along_axis(np.where(is_kept, times, AFTER), order, axis=0)
    return DenseFrame(new_times, np.take_along_axis(values, order, axis=0), ends)


def dense(frame: Frame, series: Ints, after_ms: int, until_ms: int) -> DenseFrame:
    """Some series of a frame between two times, without their stale markers."""
    begin = int(frame.rows_until(after_ms)[series].min(initial=AFTER))
    end = int(frame.rows_until(until_ms)[series].max(initial=0))
    begin = min(begin, end)
    times, values = frame.times(begin, end)[:, series], frame.values(begin, end)[:, series]
    is_kept = (times > after_ms) & (times <= until_ms) & ~is_stale(np.ascontiguousarray(values))
    return compacted(times, values, is_kept)


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """For each step, the samples after one time up to another.

    Attributes:
        frame: the samples.
        after_ms: int64[step], not part of the window.
        until_ms: int64[step], part of it.
        first: int64[step, series], row of the first sample.
        end: int64[step, series], row after the last one.
    """

    frame: Frame
    after_ms: Ints
    until_ms: Ints
    first: Ints
    end: Ints

    @classmethod
    def of(cls, frame: Frame, after_ms: Ints, until_ms: Ints, budget: Budget) -> "Window":
        """The windows of all series of a frame."""
        first, end = rows_until_each(frame, after_ms, budget), rows_until_each(frame, until_ms, budget)
        return cls(frame, after_ms, until_ms, first, end)

    @property
    def count(self) -> Ints:
        """int64[step, series]: number of samples."""
        return self.end - self.first

    def rows_of(self, step: int) -> tuple[int, int]:
        """The rows that hold all samples of a step's windows."""
        first, end = self.first[step], self.end[step]
        is_filled = end > first
        if not is_filled.any():
            return 0, 0
        return int(first[is_filled].min()), int(end[is_filled].max())

    def samples_of(self, step: int, series: Ints) -> tuple[Floats, Bools]:
        """A step's samples of some series whose windows hold any: values, and which of them count; [row, series]."""
        first, end = self.first[step, series], self.end[step, series]
        begin, stop = int(first.min()), int(end.max())
        rows = np.arange(begin, stop)[:, None]
        return self.frame.values(begin, stop)[:, series], (rows >= first) & (rows < end)

    def block(self, step: int) -> tuple[Ints, Floats, Bools | None]:
        """A step's samples: times, values, and which of them count (None: all do); each is [row, series]."""
        begin, stop = self.rows_of(step)
        first, end = self.first[step], self.end[step]
        times, values = self.frame.times(begin, stop), self.frame.values(begin, stop)
        if len(first) and int(first.max()) == begin and int(end.min()) == stop:
            return times, values, None
        rows = np.arange(begin, stop)[:, None]
        return times, values, (rows >= first) & (rows < end)
