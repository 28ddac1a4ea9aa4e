"""When a group is due: at its interval, and early when data touched it."""

import math
from enum import Enum
from typing import Final

__all__ = ["Due", "Schedule"]

EARLY_EVERY_S: Final = 0.25


class Due(Enum):
    """What is due."""

    INTERVAL = "interval"
    EARLY = "early"


class Schedule:
    """The times of one group.

    Args:
        interval_s: seconds between evaluations.
        now: Unix seconds; the first evaluation is due at once.

    Attributes:
        lag_s: how late the last evaluation at an interval began.
    """

    def __init__(self, interval_s: float, now: float) -> None:
        self.interval_s = interval_s
        self._next = now
        self._last = -math.inf
        self._is_touched = False
        self.lag_s = 0.0

    def touch(self) -> None:
        """Data that the group reads has arrived."""
        self._is_touched = True

    def due(self, now: float) -> Due | None:
        """What is due at `now` (Unix seconds)."""
        if now < self._last:
            self._next = self._last = now  # the clock was set back
        if now >= self._next:
            return Due.INTERVAL
        if self._is_touched and now >= self._last + EARLY_EVERY_S:
            return Due.EARLY
        return None

    def next_at(self) -> float:
        """When something is due next, as things stand."""
        return min(self._next, self._last + EARLY_EVERY_S) if self._is_touched else self._next

    def overdue_s(self, now: float) -> float:
        """Seconds since which an evaluation at an interval should have begun; 0 if none should have."""
        return max(0.0, now - self._next)

    def start(self, due: Due, now: float) -> None:
        """Note that an evaluation starts; intervals that were missed are not made up for, as in Prometheus."""
        self._is_touched = False
        self._last = now
        if due is Due.INTERVAL:
            self.lag_s = max(0.0, now - self._next)
            missed = math.floor((now - self._next) / self.interval_s)
            self._next += (missed + 1) * self.interval_s
