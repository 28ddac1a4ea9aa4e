"""Samples that were copied out of a ring: who looks at many moments does not hold up those who append."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from lapbell_evaluator.series.arrays import Floats, Ints
from lapbell_evaluator.series.frame import AFTER, BEFORE, Frame
from lapbell_evaluator.series.rows import rows_before

__all__ = ["HeldFrame"]


@dataclass(frozen=True, slots=True, eq=False)
class HeldFrame:
    """The rows of a frame between two times, as they were.

    Attributes:
        all_times: int64[row, series].
        all_values: float64[row, series].
        row_min: int64[row], the earliest time of the row; `AFTER` if it is empty.
        row_max: int64[row], the latest one; `BEFORE` if it is empty.
        start: int64[series], row of the first sample.
        end: int64[series], row after the last sample.
        resets: int64[series], see `Frame.last_resets`.
        stales: int64[series], see `Frame.last_stales`.
    """

    all_times: Ints
    all_values: Floats
    row_min: Ints
    row_max: Ints
    start: Ints
    end: Ints
    resets: Ints
    stales: Ints

    @classmethod
    def of(cls, frame: Frame, after_ms: int, until_ms: int) -> Self:
        """What is needed of a frame for the times after one up to another. It has a row even if nothing is."""
        before, ends = frame.rows_until(after_ms), frame.rows_until(until_ms)
        begin = int(before.min(initial=AFTER)) if frame.size else 0
        stop = int(ends.max(initial=begin))
        times, values = frame.times(begin, stop).copy(), frame.values(begin, stop).copy()
        if stop == begin:
            times, values = np.full((1, frame.size), AFTER), np.zeros((1, frame.size))
        return cls(
            times,
            values,
            np.where(times == BEFORE, AFTER, times).min(axis=1, initial=AFTER),
            np.where(times == AFTER, BEFORE, times).max(axis=1, initial=BEFORE),
            np.maximum(frame.first_rows() - begin, 0),
            np.maximum(ends - begin, 0),
            frame.last_resets().copy(),
            frame.last_stales().copy(),
        )

    @property
    def size(self) -> int:
        """Number of series."""
        return len(self.end)

    def rows_until(self, time_ms: int) -> Ints:
        """See `Frame`; of times between those two."""
        count = rows_before(self.all_times, self.row_min, self.row_max, time_ms)
        return np.clip(count, self.start, self.end, out=count)

    def first_rows(self) -> Ints:
        """See `Frame`."""
        return self.start

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
        """See `Frame`."""
        return self.resets

    def last_stales(self) -> Ints:
        """See `Frame`."""
        return self.stales
