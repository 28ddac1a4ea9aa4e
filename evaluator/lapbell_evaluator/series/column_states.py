"""The state of each column of every ring, in common arrays: one comparison judges a batch, whatever metrics it holds.

A ring owns a block of consecutive places, one per column, and asks for a larger block when it widens; blocks that were
given back are reused by rings of the same width. Widths are powers of two, so that few sizes exist.
"""

from typing import Final

import numpy as np

from lapbell_evaluator.series.arrays import Floats, Ints
from lapbell_evaluator.series.frame import BEFORE

__all__ = ["ColumnStates"]

_FIRST_CAPACITY: Final = 1_024


class ColumnStates:
    """Arrays over places; a ring has a block of places, one for each of its columns.

    Attributes:
        start: int64[place], row of the first sample.
        end: int64[place], row after the last sample.
        last_time: int64[place], milliseconds of the last sample; `BEFORE` if there is none.
        last_value: float64[place], the last sample's.
        opened: int64[place], when the last row began; samples that replace it do not change that.
        last_reset: int64[place], time of the last sample that was less than the one before it, or of which one is NaN.
        last_stale: int64[place], time of the last stale marker.
    """

    __slots__ = ("_free", "_used", "end", "last_reset", "last_stale", "last_time", "last_value", "opened", "start")

    def __init__(self) -> None:
        self.start: Ints = np.zeros(_FIRST_CAPACITY, np.int64)
        self.end: Ints = np.zeros(_FIRST_CAPACITY, np.int64)
        self.last_time: Ints = np.full(_FIRST_CAPACITY, BEFORE, np.int64)
        self.last_value: Floats = np.zeros(_FIRST_CAPACITY, np.float64)
        self.opened: Ints = np.full(_FIRST_CAPACITY, BEFORE, np.int64)
        self.last_reset: Ints = np.full(_FIRST_CAPACITY, BEFORE, np.int64)
        self.last_stale: Ints = np.full(_FIRST_CAPACITY, BEFORE, np.int64)
        self._used = 0
        self._free: dict[int, list[int]] = {}  # first places of blocks that nobody has, by block size

    def allocate(self, size: int) -> int:
        """The first place of a new block."""
        waiting = self._free.get(size)
        if waiting:
            return waiting.pop()
        while self._used + size > len(self.start):
            self._grow()
        self._used += size
        return self._used - size

    def release(self, base: int, size: int) -> None:
        """Take a block back."""
        self.clear(slice(base, base + size))
        self._free.setdefault(size, []).append(base)

    def clear(self, places: slice | int) -> None:
        """Reset the state of columns that hold no series."""
        self.start[places] = self.end[places] = 0
        for array in (self.last_time, self.opened, self.last_reset, self.last_stale):
            array[places] = BEFORE

    def move(self, base: int, size: int, target: int) -> None:
        """Copy a block of `size` states from `base` to `target`."""
        source, to = slice(base, base + size), slice(target, target + size)
        for array in (self.start, self.end, self.last_time, self.opened, self.last_reset, self.last_stale):
            array[to] = array[source]
        self.last_value[to] = self.last_value[source]

    def move_times(self, by_ms: int) -> None:
        """Shift all times of samples."""
        for array in (self.last_time, self.opened, self.last_reset, self.last_stale):
            array[array != BEFORE] += by_ms

    def _grow(self) -> None:
        more = len(self.start)
        nothing, never = np.zeros(more, np.int64), np.full(more, BEFORE, np.int64)
        self.start, self.end = np.concatenate([self.start, nothing]), np.concatenate([self.end, nothing])
        self.last_time, self.opened = np.concatenate([self.last_time, never]), np.concatenate([self.opened, never])
        self.last_reset = np.concatenate([self.last_reset, never])
        self.last_stale = np.concatenate([self.last_stale, never])
        self.last_value = np.concatenate([self.last_value, np.zeros(more)])
