"""A sliding table of samples: rows are moments, columns are series.

An exporter sends all of its series at once, at one time: they make one row, and a window of many series is one slice of
rows, which numpy reads in the order of memory. `times` and `values` are two matrices of the same shape, because times
differ a little between exporters.

        column 0   column 1   column 2          row_min row_max
row 0     1000      BEFORE      1003              1000    1003
row 1     6000       6010       6003              6000    6010     start = [0, 1, 0]
row 2    11000      11010      AFTER             11000   11010     end   = [3, 3, 2]
row 3    AFTER      AFTER      AFTER             AFTER  BEFORE     top   = 3

Invariants:
- Times of a column rise strictly from row `start` to row `end - 1`; above stands `BEFORE`, below stands `AFTER`. The
  number of rows with `times <= t` therefore is the row after the last sample at or before t.
- `row_min <= every time in a row <= row_max`; they may lie further out than need be, which costs time, never rightness.
  A row wholly before or after t needs no look at its cells: where exporters keep time, `rows_until` reads few rows.
- New samples go below the last one of their series. When the lowest row is reached, the rows that are still wanted move
  up by as many as have expired (`slide`): a ring that wrapped around would break every window into two slices.

A slide frees a sixth of the rows or makes the table deeper (until 8,192 rows): an append costs a few row copies.
`last_reset` and `last_stale` of `ColumnStates` let range functions skip what most windows lack: a fall, a marker.
"""

from typing import Final

import numpy as np

from lapbell_evaluator.series.arrays import Floats, Ints
from lapbell_evaluator.series.column_states import ColumnStates
from lapbell_evaluator.series.frame import AFTER, BEFORE, is_stale
from lapbell_evaluator.series.rows import rows_before

__all__ = ["Cells", "Ring", "Span"]

_FIRST_ROWS: Final = 16
_FIRST_COLUMNS: Final = 1  # many metrics have one series
_DEEPER: Final = 1.5
_MAX_ROWS: Final = 8192
_SLACK: Final = 6  # a table that can't free a sixth of its rows grows deeper
_REMEMBERED: Final = 64

Cells = tuple[Ints, Ints]
"""Rows and columns, int64[n] each."""

Span = tuple[int, int, int, int]
"""Of some cells: the least and the greatest row, the earliest and the latest time."""


class Ring:
    """Samples of the series of one metric.

    Args:
        states: of all rings; the ring takes a block of places there.
        longer_ms: by how much longer than others it keeps samples.

    Attributes:
        times: int64[row, column], milliseconds; `BEFORE` above a column's first sample, `AFTER` below its last.
        values: float64[row, column].
        row_min: int64[row], no sample in the row is earlier; `AFTER` if it is empty.
        row_max: int64[row], no sample in the row is later; `BEFORE` if it is empty.
        longer_ms: by how much longer than others it keeps samples.
        base: place of the first column's state.
        used: number of columns that are or were in use.
        top: number of rows in use.
    """

    def __init__(self, states: ColumnStates, longer_ms: int = 0) -> None:
        shape = (_FIRST_ROWS, _FIRST_COLUMNS)
        self.times: Ints = np.full(shape, AFTER, np.int64)
        self.values: Floats = np.zeros(shape, np.float64)
        self.row_min: Ints = np.full(_FIRST_ROWS, AFTER, np.int64)
        self.row_max: Ints = np.full(_FIRST_ROWS, BEFORE, np.int64)
        self.base = states.allocate(_FIRST_COLUMNS)
        self.used = 0
        self.top = 0
        self._states = states
        self.longer_ms = longer_ms
        self._free: list[int] = []
        self._memo: dict[int, Ints] = {}

    @property
    def rows(self) -> int:
        """Number of rows, in use or not."""
        return len(self.times)

    @property
    def width(self) -> int:
        """Number of columns, in use or not."""
        return int(self.times.shape[1])

    @property
    def places(self) -> slice:
        """Where the states of the used columns are."""
        return slice(self.base, self.base + self.used)

    @property
    def start(self) -> Ints:
        """int64[used]: row of each column's first sample; a view."""
        return self._states.start[self.places]

    @property
    def end(self) -> Ints:
        """int64[used]: row after each column's last sample; a view."""
        return self._states.end[self.places]

    def release(self) -> None:
        """Give the block of states back; the ring is not used any more."""
        self._states.release(self.base, self.width)

    def new_column(self) -> int:
        """A column for a new series; `base` may change."""
        self._memo.clear()
        if self._free:
            return self._free.pop()
        if self.used == self.width:
            self._widen()
        self.used += 1
        return self.used - 1

    def free_column(self, column: int) -> None:
        """Take a column back."""
        self.times[:, column] = AFTER
        self._states.clear(self.base + column)
        self._free.append(column)
        self._memo.clear()

    def birth(self, columns: Ints, times: Ints) -> int:
        """The row where new columns begin, so that they are level with the others of the same time."""
        row = max(self.top - 1, 0)
        if self.top and int(times.min()) > self.row_max[row] and self.top < self.rows:
            row = self.top
        self.times[:row, columns] = BEFORE
        return row

    def write(self, cells: Cells, times: Ints, values: Floats, span: Span) -> None:
        """Put samples into cells; `times` is int64[n], milliseconds, `values` float64[n]."""
        rows, columns = cells
        low, high, earliest, latest = span
        at = rows * self.width  # flat positions: one index array instead of a pair
        at += columns
        self.times.reshape(-1)[at] = times
        self.values.reshape(-1)[at] = values
        if low == high:
            self.row_min[low] = min(self.row_min[low], earliest)
            self.row_max[low] = max(self.row_max[low], latest)
        else:
            np.minimum.at(self.row_min, rows, times)
            np.maximum.at(self.row_max, rows, times)
        self.top = max(self.top, high + 1)
        self._memo.clear()

    def insert(self, column: int, time: int, value: Floats, horizon: int) -> bool:
        """Put a late sample in its place; False if there is one of that time. `value` is float64[1]."""
        start, end = int(self.start[column]), int(self.end[column])
        own_times = self.times[start:end, column]
        at = int(np.searchsorted(own_times, time))
        if at < len(own_times) and own_times[at] == time:
            return False
        if start == 0 and end == self.rows:
            self.slide(horizon)
            return self.insert(column, time, value, horizon)
        old_times, old_values = own_times.copy(), self.values[start:end, column].copy()
        if end < self.rows:
            end += 1
        else:
            start -= 1
        self.times[start:end, column] = np.insert(old_times, at, time)
        self.values[start:end, column] = np.insert(old_values, at, value)
        self.top = max(self.top, end)
        self._note_insertion(self.base + column, start, end, time, is_marker=bool(is_stale(value)[0]))
        own = self.times[start:end, column]
        self.row_min[start:end] = np.minimum(self.row_min[start:end], own)
        self.row_max[start:end] = np.maximum(self.row_max[start:end], own)
        self._memo.clear()
        return True

    def _note_insertion(self, place: int, start: int, end: int, time: int, *, is_marker: bool) -> None:
        states = self._states
        states.start[place], states.end[place] = start, end
        states.last_reset[place] = states.last_time[place]  # not known exactly any more: whoever asks looks closer
        if is_marker:
            states.last_stale[place] = max(states.last_stale[place], time)

    def slide(self, horizon: int) -> None:
        """Make room below: let go of rows that ended before `horizon`, or grow deeper if few did."""
        top = self.top
        is_wanted = self.row_max[:top] >= horizon - self.longer_ms
        expired = int(is_wanted.argmax()) if is_wanted.any() else top
        if expired * _SLACK < self.rows and self.rows < _MAX_ROWS:
            self._deepen()
        if not expired and self.top == self.rows:
            expired = max(1, self.rows // _SLACK)  # deep enough: the oldest samples go before their time
        if expired:
            self._shift(expired)
        self._level()

    def _shift(self, by: int) -> None:
        """Move everything up by so many rows; what leaves at the top is gone."""
        remaining, used = self.top - by, self.used
        self.times[:remaining, :used] = self.times[by : self.top, :used]
        self.values[:remaining, :used] = self.values[by : self.top, :used]
        self.times[remaining : self.top, :used] = AFTER
        self.row_min[:remaining], self.row_max[:remaining] = self.row_min[by : self.top], self.row_max[by : self.top]
        self.row_min[remaining:], self.row_max[remaining:] = AFTER, BEFORE
        self.start[:] = np.maximum(self.start - by, 0)
        self.end[:] = np.maximum(self.end - by, 0)
        self.top = remaining
        self._memo.clear()

    def _level(self) -> None:
        """Bring columns that missed a moment back in line with the others.

        A column that lacks a sample lags a row behind for ever: its next sample lands in the row of the moment before.
        Such columns move down until their last samples stand in the last row again. Only speed depends on it: a row
        whose times lie close together is judged by its earliest and latest.
        """
        top, last_time = self.top, self._states.last_time[self.places]
        if top < 2:
            return
        behind = np.flatnonzero((self.end < top) & (self.end > 0) & (last_time >= self.row_min[top - 1]))
        if not len(behind):
            return
        by = top - self.end[behind]  # int64[k], how many rows each of the k columns moves down
        source = np.arange(top)[:, None] - by  # int64[row, k], the row that each cell comes from
        is_empty = source < self.start[behind]
        np.maximum(source, 0, out=source)
        times = np.take_along_axis(self.times[:top, behind], source, axis=0)
        times[is_empty] = BEFORE
        self.times[:top, behind] = times
        self.values[:top, behind] = np.take_along_axis(self.values[:top, behind], source, axis=0)
        self.start[behind] += by
        self.end[behind] += by
        self._measure_rows()

    def _measure_rows(self) -> None:
        """Find the exact `row_min` and `row_max`."""
        times = self.times[: self.top, : self.used]
        self.row_min[: self.top] = np.where(times == BEFORE, AFTER, times).min(axis=1, initial=AFTER)
        self.row_max[: self.top] = np.where(times == AFTER, BEFORE, times).max(axis=1, initial=BEFORE)
        self._memo.clear()

    def move(self, by_ms: int) -> None:
        """Shift all samples in time; the states of the columns are moved with all others."""
        for times in (self.times, self.row_min, self.row_max):
            times[(times != BEFORE) & (times != AFTER)] += by_ms
        self._memo.clear()

    def expired_columns(self, horizon: int) -> Ints:
        """Columns whose last sample is older than `horizon`; columns without any sample too."""
        return np.flatnonzero(self._states.last_time[self.places] < horizon - self.longer_ms)

    def last_times(self) -> Ints:
        """int64[used]: milliseconds of each column's last sample; a view."""
        return self._states.last_time[self.places]

    def last_resets(self) -> Ints:
        """int64[used]: when each column last fell, or was NaN; a view."""
        return self._states.last_reset[self.places]

    def last_stales(self) -> Ints:
        """int64[used]: when each column last had a stale marker; a view."""
        return self._states.last_stale[self.places]

    def rows_until(self, time: int) -> Ints:
        """int64[used]: the row after the last sample of each column at or before `time`."""
        counts = self._memo.get(time)
        if counts is None:
            if len(self._memo) >= _REMEMBERED:
                self._memo.clear()
            counts = self._memo[time] = self._count_until(time)
        return counts

    def _count_until(self, time: int) -> Ints:
        used, top = self.used, self.top
        count = rows_before(self.times[:top, :used], self.row_min[:top], self.row_max[:top], time)
        return np.clip(count, self.start, self.end, out=count)

    def _widen(self) -> None:
        """Twice as many columns: a copy of the table, which the shard's limit of 16,384 columns keeps short."""
        width = self.width
        self.times, self.values = _beside(self.times, AFTER), _beside(self.values, 0)
        base = self._states.allocate(2 * width)
        self._states.move(self.base, width, base)
        self._states.release(self.base, width)
        self.base = base

    def _deepen(self) -> None:
        """Half as many rows again."""
        more = int(self.rows * (_DEEPER - 1))
        self.times, self.values = _below(self.times, more, AFTER), _below(self.values, more, 0)
        self.row_min, self.row_max = _below(self.row_min, more, AFTER), _below(self.row_max, more, BEFORE)


def _beside(array: np.ndarray, fill: int) -> np.ndarray:
    """`array` with as many columns again at its right."""
    return np.concatenate([array, np.full(array.shape, fill, array.dtype)], axis=1)


def _below(array: np.ndarray, more: int, fill: int) -> np.ndarray:
    """`array` with `more` rows at the bottom."""
    return np.concatenate([array, np.full((more, *array.shape[1:]), fill, array.dtype)])
