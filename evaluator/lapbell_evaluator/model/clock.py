"""Time comes in by the door: every room that needs it is handed a Clock."""

import time
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> float:
        """Unix time in seconds."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's wall clock."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()
