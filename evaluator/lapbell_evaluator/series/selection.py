"""The samples of the series that a selector means."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.series.arrays import Floats, Ints
from lapbell_evaluator.series.frame import Frame
from lapbell_evaluator.series.held_frame import HeldFrame
from lapbell_evaluator.series.ring import Ring
from lapbell_evaluator.series.table import LabelTable

__all__ = ["HistogramSeries", "RingFrame", "Selection", "Spend", "free"]


Spend: TypeAlias = Callable[[int], None]
"""Is told of samples that were read; raises if they are too many, or nobody waits for them any more."""


def free(samples: int) -> None:
    """A `Spend` for those who have no budget."""
    del samples


@dataclass(frozen=True, slots=True)
class HistogramSeries:
    """Native histograms of one series.

    Attributes:
        times: milliseconds, ascending.
        histograms: one at each time.
    """

    times: list[int]
    histograms: list[Histogram]

    def trim(self, horizon: int) -> None:
        """Let go of what is older than `horizon`."""
        expired = bisect_left(self.times, horizon)
        del self.times[:expired], self.histograms[:expired]

    def held(self) -> "HistogramSeries":
        """The same samples, whatever comes and goes."""
        return HistogramSeries(self.times.copy(), self.histograms.copy())


@dataclass(frozen=True, slots=True)
class Selection:
    """Series of floats in frames, native histograms beside them.

    Attributes:
        table: labels; the rows are those of the frames, one frame after the other.
        frames: floats.
        histograms: native histograms by row of `table`.
    """

    table: LabelTable
    frames: tuple[Frame, ...]
    histograms: dict[int, HistogramSeries]

    def held(self, after_ms: int, until_ms: int) -> "Selection":
        """The same series with copies of what is in memory after one time up to another, which nothing changes."""
        frames = [
            HeldFrame.of(frame, after_ms, until_ms) if isinstance(frame, RingFrame) else frame for frame in self.frames
        ]
        histograms = {row: series.held() for row, series in self.histograms.items()}
        return Selection(self.table, tuple(frames), histograms)


@dataclass(frozen=True, slots=True)
class RingFrame:
    """Some columns of a ring, without a copy.

    Attributes:
        ring: the samples.
        columns: int64[series], or None for all of them.
    """

    ring: Ring
    columns: Ints | None

    @property
    def size(self) -> int:
        """Number of series."""
        return self.ring.used if self.columns is None else len(self.columns)

    def rows_until(self, time_ms: int) -> Ints:
        """See `Frame`."""
        return self._of_columns(self.ring.rows_until(time_ms))

    def first_rows(self) -> Ints:
        """See `Frame`."""
        return self._of_columns(self.ring.start)

    def times(self, begin: int, end: int) -> Ints:
        """See `Frame`."""
        rows = self.ring.times[begin:end]
        return rows[:, : self.ring.used] if self.columns is None else rows[:, self.columns]

    def values(self, begin: int, end: int) -> Floats:
        """See `Frame`."""
        rows = self.ring.values[begin:end]
        return rows[:, : self.ring.used] if self.columns is None else rows[:, self.columns]

    def times_at(self, rows: Ints) -> Ints:
        """See `Frame`."""
        return self.ring.times.reshape(-1)[self._cells(rows)]

    def values_at(self, rows: Ints) -> Floats:
        """See `Frame`."""
        return self.ring.values.reshape(-1)[self._cells(rows)]

    def last_resets(self) -> Ints:
        """See `Frame`."""
        return self._of_columns(self.ring.last_resets())

    def last_stales(self) -> Ints:
        """See `Frame`."""
        return self._of_columns(self.ring.last_stales())

    def _cells(self, rows: Ints) -> Ints:
        """int64[…, series]: positions in the ring's arrays as they lie in memory: one index instead of a pair."""
        columns = np.arange(self.ring.used) if self.columns is None else self.columns
        return rows * self.ring.width + columns

    def _of_columns(self, whole: Ints) -> Ints:
        return whole if self.columns is None else whole[self.columns]
