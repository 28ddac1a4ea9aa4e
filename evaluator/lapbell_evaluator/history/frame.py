"""Samples from disk in the shape that the engine reads: a dense table, rows by time, a column for each series.

Series have different lengths and begin at different times, so a column is padded: with `BEFORE` (the least int64) above
its first sample and with `AFTER` (the greatest) below its last one. Hence every column of `table` ascends, and one
bisection finds a time in all columns at once without masks:

    table       series 0   series 1   series 2        start = [0, 1, 3], end = [4, 3, 4]
    row 0            100     BEFORE     BEFORE
    row 1            110        110     BEFORE
    row 2            120        120     BEFORE
    row 3            130      AFTER        130

The start of a column is chosen so that its first sample lies in the row of about that time in the longest series:
windows of many series then are about the same rows, and the engine reads one slice instead of scattered cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lapbell_evaluator.history.columns import Columns, Floats, Ints
from lapbell_evaluator.series import AFTER, BEFORE, is_stale

__all__ = ["HistoryFrame", "frame_of"]


@dataclass(frozen=True, slots=True, eq=False)
class HistoryFrame:
    """A dense table: rows are samples, oldest first, columns are series. See `series.Frame`.

    Attributes:
        table: int64[row, series], milliseconds; `BEFORE` above and `AFTER` below a series' samples.
        cells: float64[row, series].
        start: int64[series], row of the first sample.
        end: int64[series], row after the last one.
    """

    table: Ints
    cells: Floats
    start: Ints
    end: Ints

    @property
    def size(self) -> int:
        """Number of series."""
        return len(self.start)

    def rows_until(self, time_ms: int) -> Ints:
        """The row after the last sample at or before `time_ms`, by bisection in all columns at once."""
        low, high = self.start.copy(), self.end.copy()  # int64[series]: the answer is in low..high of each column
        columns = np.arange(self.size)
        while bool((low < high).any()):
            middle = (low + high) // 2
            is_before = self.table[np.minimum(middle, len(self.table) - 1), columns] <= time_ms
            is_open = low < high
            low = np.where(is_open & is_before, middle + 1, low)
            high = np.where(is_open & ~is_before, middle, high)
        return low

    def first_rows(self) -> Ints:
        """The row of the first sample."""
        return self.start

    def times(self, begin: int, end: int) -> Ints:
        """int64[row, series]."""
        return self.table[begin:end]

    def values(self, begin: int, end: int) -> Floats:
        """float64[row, series]."""
        return self.cells[begin:end]

    def times_at(self, rows: Ints) -> Ints:
        """int64[…, series]."""
        return self.table[rows, np.arange(self.size)]

    def values_at(self, rows: Ints) -> Floats:
        """float64[…, series]."""
        return self.cells[rows, np.arange(self.size)]

    def last_resets(self) -> Ints:
        """int64[series]: when a value was last less than the one before it, or one of them NaN; `BEFORE` if never."""
        fell = np.zeros(self.table.shape, np.bool_)  # bool[row, series]
        fell[1:] = ~(self.cells[1:] >= self.cells[:-1]) & (self.table[:-1] != BEFORE) & (self.table[1:] != AFTER)
        return self._last_time(fell)

    def last_stales(self) -> Ints:
        """int64[series]: the time of the last stale marker; `BEFORE` if there is none."""
        marked = is_stale(np.ascontiguousarray(self.cells)) & (self.table != BEFORE) & (self.table != AFTER)
        return self._last_time(marked)

    def _last_time(self, chosen: np.ndarray) -> Ints:
        latest: Ints = np.where(chosen, self.table, BEFORE).max(axis=0, initial=BEFORE)
        return latest


def frame_of(columns: Columns, numbers: Sequence[int]) -> HistoryFrame:
    """The frame of some series, in their order.

    Series that began at about the same time lie level, so that windows of many series are about the same rows.

    Args:
        columns: ordered by series and time.
        numbers: the series, at least one; one that has native histograms alone has no rows.
    """
    begins = np.searchsorted(columns.series, np.array(numbers, np.int64), side="left")
    ends = np.searchsorted(columns.series, np.array(numbers, np.int64), side="right")
    counts = ends - begins  # int64[series]: the samples of each are columns[begin:end], because rows are ordered
    longest = int(counts.argmax())
    reference = columns.times_ms[begins[longest] : ends[longest]]
    start = np.zeros(len(numbers), np.int64)  # int64[series], rows from the top to the first sample
    has_any = counts > 0
    start[has_any] = np.searchsorted(reference, columns.times_ms[begins[has_any]])
    rows = max(1, int((start + counts).max()))
    table = np.full((rows, len(numbers)), AFTER, np.int64)
    cells = np.zeros((rows, len(numbers)))
    for at, (begin, end, row) in enumerate(zip(begins.tolist(), ends.tolist(), start.tolist(), strict=True)):
        table[:row, at] = BEFORE
        table[row : row + end - begin, at] = columns.times_ms[begin:end]
        cells[row : row + end - begin, at] = columns.values[begin:end]
    return HistoryFrame(table, cells, start, start + counts)
