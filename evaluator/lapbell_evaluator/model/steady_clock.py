"""A clock that does not leap with the machine's.

A machine's clock is set by people, hypervisors and NTP; how long it has been running is not. Where the two part by five
seconds, time goes on here as if nothing had happened, and `leap_s` tells how far the machine's clock is ahead.
Whoever knows that the machine is right adopts its time.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model.clock import Clock

__all__ = ["SteadyClock"]

_LEAP_S: Final = 5.0


def _uptime_s() -> float:
    """Seconds that the machine has been running, those included in which it slept where the system counts them."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


@dataclass(frozen=True, slots=True)
class _Leap:
    by_s: float
    since_s: float  # of uptime


class SteadyClock:
    """Follows a machine's clock, but none of its leaps. Any thread may ask.

    Args:
        wall: the machine's.
        uptime: seconds that pass whatever the machine's clock is set to.
    """

    def __init__(self, wall: Clock, uptime: Callable[[], float] = _uptime_s) -> None:
        self._wall = wall
        self._uptime = uptime
        self._booted_at = wall.now() - uptime()
        self._leap: _Leap | None = None

    def now(self) -> float:
        """Unix time in seconds, as if the machine's clock had not leapt."""
        uptime, wall = self._uptime(), self._wall.now()
        by_s = wall - uptime - self._booted_at
        if abs(by_s) < _LEAP_S:
            self._booted_at, self._leap = wall - uptime, None
            return wall
        if self._leap is None or abs(self._leap.by_s - by_s) >= _LEAP_S:
            self._leap = _Leap(by_s, uptime)
        return uptime + self._booted_at

    @property
    def leap_s(self) -> float:
        """How far the machine's clock is ahead of this one since it leapt; 0 if it did not."""
        self.now()
        return 0.0 if self._leap is None else self._leap.by_s

    @property
    def lasts_s(self) -> float:
        """How long the machine's clock has been where it leapt to."""
        self.now()
        return 0.0 if self._leap is None else self._uptime() - self._leap.since_s

    def adopt(self) -> float:
        """Follow the machine's clock from where it leapt to; by how many seconds this one moves."""
        by_s = self.leap_s
        self._booted_at += by_s
        self._leap = None
        return by_s
