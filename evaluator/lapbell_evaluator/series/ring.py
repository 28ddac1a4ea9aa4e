"""A sliding table of samples: rows are moments, columns are series.

New samples go below the last one of their series. When the lowest row is reached, the rows that are still wanted move
up by as many as have expired, which costs a few row copies per append; a window is thereby always one plain slice.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.series.frame import AFTER, BEFORE, Bools, Floats, Ints, is_stale

__all__ = ["Appended", "Ring"]

_FIRST_ROWS: Final = 16
_FIRST_COLUMNS: Final = 8
_DEEPER: Final = 1.5
_MAX_ROWS: Final = 8192
_SLACK: Final = 6  # a table that can't free a sixth of its rows grows deeper


@dataclass(frozen=True, slots=True)
class Appended:
    """Counts of samples by what became of them."""

    accepted: int = 0
    duplicates: int = 0
    out_of_window: int = 0

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            self.out_of_window + other.out_of_window,
        )


class Ring:
    """Samples of the series of one metric.

    Attributes:
        times: int64[row, column], milliseconds; `BEFORE` above a column's first sample, `AFTER` below its last.
        values: float64[row, column].
        start: int64[column], row of the first sample.
        end: int64[column], row after the last sample.
        row_min: int64[row], earliest time in the row, `AFTER` if it is empty.
        row_max: int64[row], latest time in the row, `BEFORE` if it is empty.
        last_time: int64[column], time of the last sample; `BEFORE` if there is none.
        last_reset: int64[column], time of the last sample that was less than the one before it.
        last_stale: int64[column], time of the last stale marker.
        used: number of columns that are or were in use.
        version: changes with every change of samples.
    """

    def __init__(self) -> None:
        shape = (_FIRST_ROWS, _FIRST_COLUMNS)
        self.times = np.full(shape, AFTER, np.int64)
        self.values = np.zeros(shape, np.float64)
        self.row_min = np.full(_FIRST_ROWS, AFTER, np.int64)
        self.row_max = np.full(_FIRST_ROWS, BEFORE, np.int64)
        self.start = np.zeros(_FIRST_COLUMNS, np.int64)
        self.end = np.zeros(_FIRST_COLUMNS, np.int64)
        self.last_time = np.full(_FIRST_COLUMNS, BEFORE, np.int64)
        self.last_value = np.zeros(_FIRST_COLUMNS, np.float64)
        self.opened = np.full(_FIRST_COLUMNS, BEFORE, np.int64)  # when the last row of the column began
        self.last_reset = np.full(_FIRST_COLUMNS, BEFORE, np.int64)
        self.last_stale = np.full(_FIRST_COLUMNS, BEFORE, np.int64)
        self.used = 0
        self.top = 0  # rows in use
        self.version = 0
        self._free: list[int] = []
        self._memo: dict[int, Ints] = {}

    @property
    def rows(self) -> int:
        """Number of rows, in use or not."""
        return self.times.shape[0]

    def new_column(self) -> int:
        """A column for a new series."""
        if self._free:
            return self._free.pop()
        if self.used == self.times.shape[1]:
            self._widen()
        self.used += 1
        return self.used - 1

    def free_column(self, column: int) -> None:
        """Take a column back; it holds no samples any more."""
        self.times[:, column] = AFTER
        self.start[column] = self.end[column] = 0
        for state in (self.last_time, self.opened, self.last_reset, self.last_stale):
            state[column] = BEFORE
        self._free.append(column)
        self._changed()

    def append(
        self, columns: Ints, times: Ints, values: Floats, *, horizon: int, oldest: int, coalesce_ms: int
    ) -> Appended:
        """Add samples, at most one per column.

        Args:
            columns: int64[n], distinct.
            times: int64[n], milliseconds.
            values: float64[n].
            horizon: milliseconds; samples before it are not wanted any more and may go.
            oldest: milliseconds; late samples before it are refused.
            coalesce_ms: a sample within so many milliseconds of the beginning of the last one takes its place.
        """
        is_next = times > self.last_time[columns]
        if is_next.all():
            self._append_next(columns, times, values, horizon, coalesce_ms)
            return Appended(accepted=len(columns))
        total = Appended()
        if is_next.any():
            self._append_next(columns[is_next], times[is_next], values[is_next], horizon, coalesce_ms)
            total = Appended(accepted=int(is_next.sum()))
        for at in np.flatnonzero(~is_next).tolist():
            total += self._insert(int(columns[at]), int(times[at]), values[at : at + 1], oldest, horizon)
        return total

    def _append_next(self, columns: Ints, times: Ints, values: Floats, horizon: int, coalesce_ms: int) -> None:
        if self.top == self.rows and bool((self.end[columns] == self.top).any()):
            self.slide(horizon)
        stale = is_stale(values)
        rows = self.end[columns]
        is_new = rows == self.start[columns]
        replaces = self._replaces(columns, times, stale, coalesce_ms)
        if is_new.any():
            rows[is_new] = self._birth(columns[is_new], times[is_new])
        rows -= replaces
        self._note(columns, times, values, stale, replaces)
        self._write(rows, columns, times, values)
        self.end[columns] = rows + 1

    def _replaces(self, columns: Ints, times: Ints, stale: Bools, coalesce_ms: int) -> Bools:
        """Which samples take the place of the last one of their series."""
        if not coalesce_ms:
            return np.zeros(len(columns), np.bool_)
        last = self.last_time[columns]
        is_close = times - self.opened[columns] < coalesce_ms
        replaces: Bools = is_close & (last != self.last_stale[columns]) & (last != BEFORE) & ~stale
        return replaces

    def _birth(self, columns: Ints, times: Ints) -> Ints:
        """Rows where new columns begin, so that they are level with the others of the same time."""
        row = max(self.top - 1, 0)
        if self.top and int(times.min()) > self.row_max[row] and self.top < self.rows:
            row = self.top
        self.times[:row, columns] = BEFORE
        self.start[columns] = row
        return np.full(len(columns), row, np.int64)

    def _note(self, columns: Ints, times: Ints, values: Floats, stale: Bools, replaces: Bools) -> None:
        fell = values < self.last_value[columns]
        fell &= self.last_time[columns] != BEFORE
        if fell.any():
            self.last_reset[columns[fell]] = times[fell]
        if stale.any():
            self.last_stale[columns[stale]] = times[stale]
        self.opened[columns] = np.where(replaces, self.opened[columns], times)
        self.last_time[columns] = times
        self.last_value[columns] = values

    def _write(self, rows: Ints, columns: Ints, times: Ints, values: Floats) -> None:
        low, high = int(rows.min()), int(rows.max())
        at = rows * self.times.shape[1] + columns
        self.times.reshape(-1)[at] = times
        self.values.reshape(-1)[at] = values
        if low == high:
            self.row_min[low] = min(self.row_min[low], int(times.min()))
            self.row_max[low] = max(self.row_max[low], int(times.max()))
        else:
            np.minimum.at(self.row_min, rows, times)
            np.maximum.at(self.row_max, rows, times)
        self.top = max(self.top, high + 1)
        self._changed()

    def _insert(self, column: int, time: int, value: Floats, oldest: int, horizon: int) -> Appended:
        """Put a late sample in its place."""
        start, end = int(self.start[column]), int(self.end[column])
        own_times = self.times[start:end, column]
        at = int(np.searchsorted(own_times, time))
        if at < len(own_times) and own_times[at] == time:
            return Appended(duplicates=1)
        if time < oldest:
            return Appended(out_of_window=1)
        if start == 0 and end == self.rows:
            self.slide(horizon)
            return self._insert(column, time, value, oldest, horizon)
        kept_times, kept_values = own_times.copy(), self.values[start:end, column].copy()
        if end < self.rows:
            end += 1
        else:
            start -= 1
        self.times[start:end, column] = np.insert(kept_times, at, time)
        self.values[start:end, column] = np.insert(kept_values, at, value)
        self.start[column], self.end[column] = start, end
        self.top = max(self.top, end)
        self.last_reset[column] = self.last_time[column]  # not known exactly any more: whoever asks looks closer
        if is_stale(value)[0]:
            self.last_stale[column] = max(self.last_stale[column], time)
        self._measure_rows()
        return Appended(accepted=1)

    def slide(self, horizon: int) -> None:
        """Make room below: let go of rows that ended before `horizon`, or grow deeper if few did."""
        top = self.top
        is_wanted = self.row_max[:top] >= horizon
        expired = int(is_wanted.argmax()) if is_wanted.any() else top
        if expired * _SLACK < self.rows and self.rows < _MAX_ROWS:
            self._deepen()
        if not expired and self.top == self.rows:
            expired = max(1, self.rows // _SLACK)  # deep enough: the oldest samples go before their time
        if expired:
            self._shift(expired)
        self._level()

    def _shift(self, by: int) -> None:
        kept = self.top - by
        used = self.used
        self.times[:kept, :used] = self.times[by : self.top, :used]
        self.values[:kept, :used] = self.values[by : self.top, :used]
        self.times[kept : self.top, :used] = AFTER
        self.row_min[:kept], self.row_max[:kept] = self.row_min[by : self.top], self.row_max[by : self.top].copy()
        self.row_min[kept:], self.row_max[kept:] = AFTER, BEFORE
        self.start[:used] = np.maximum(self.start[:used] - by, 0)
        self.end[:used] = np.maximum(self.end[:used] - by, 0)
        self.top = kept
        self._changed()

    def _level(self) -> None:
        """Bring columns that missed a moment back in line with the others.

        Only speed depends on it: a row whose times lie close together is judged by its earliest and latest.
        """
        used, top = self.used, self.top
        if top < 2:
            return
        behind = np.flatnonzero(
            (self.end[:used] < top) & (self.end[:used] > 0) & (self.last_time[:used] >= self.row_min[top - 1])
        )
        if not len(behind):
            return
        by = top - self.end[behind]  # int64[k]
        source = np.arange(top)[:, None] - by  # int64[row, k]
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
        times = self.times[: self.top, : self.used]
        self.row_min[: self.top] = np.where(times == BEFORE, AFTER, times).min(axis=1, initial=AFTER)
        self.row_max[: self.top] = np.where(times == AFTER, BEFORE, times).max(axis=1, initial=BEFORE)
        self._changed()

    def expired_columns(self, horizon: int) -> Ints:
        """Columns whose last sample is older than `horizon`; columns without any sample too."""
        return np.flatnonzero(self.last_time[: self.used] < horizon)

    def rows_until(self, time: int) -> Ints:
        """int64[used]: the row after the last sample of each column at or before `time`."""
        kept = self._memo.get(time)
        if kept is None:
            kept = self._memo[time] = self._count_until(time)
        return kept

    def _count_until(self, time: int) -> Ints:
        """Rows that lie wholly on one side need no look at their cells."""
        used, top = self.used, self.top
        is_past, is_future = self.row_max[:top] <= time, self.row_min[:top] > time
        first = int((~is_past).argmax()) if not is_past.all() else top
        after = top - int((~is_future[::-1]).argmax()) if not is_future.all() else 0
        count = np.full(used, first, np.int64)
        for row in range(first, after):
            count += self.times[row, :used] <= time
        return np.clip(count, self.start[:used], self.end[:used], out=count)

    def _changed(self) -> None:
        self.version += 1
        self._memo.clear()

    def _widen(self) -> None:
        more = self.times.shape[1]
        self.times = _beside(self.times, more, AFTER)
        self.values = _beside(self.values, more, 0)
        self.start, self.end = _beside(self.start, more, 0), _beside(self.end, more, 0)
        self.last_value = _beside(self.last_value, more, 0)
        self.last_time, self.opened = _beside(self.last_time, more, BEFORE), _beside(self.opened, more, BEFORE)
        self.last_reset, self.last_stale = (
            _beside(self.last_reset, more, BEFORE),
            _beside(self.last_stale, more, BEFORE),
        )

    def _deepen(self) -> None:
        more = int(self.rows * (_DEEPER - 1))
        self.times, self.values = _below(self.times, more, AFTER), _below(self.values, more, 0)
        self.row_min, self.row_max = _below(self.row_min, more, AFTER), _below(self.row_max, more, BEFORE)


def _beside(array: np.ndarray, more: int, fill: int) -> np.ndarray:
    """`array` with `more` columns at the right."""
    return np.concatenate([array, np.full((*array.shape[:-1], more), fill, array.dtype)], axis=-1)


def _below(array: np.ndarray, more: int, fill: int) -> np.ndarray:
    """`array` with `more` rows at the bottom."""
    return np.concatenate([array, np.full((more, *array.shape[1:]), fill, array.dtype)])
