"""What was found damaged in one store: each item told and counted once."""

import logging
import threading
from collections import deque
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Clock, Reading, ReadingKind

__all__ = ["DamageLog"]

_TOLD_FOR_S: Final = 3600.0
_MOST_REMEMBERED: Final = 100_000
_HELP: Final = "Stored items that were found damaged within the last hour; what can be read of the rest is used."
_log: Final = logging.getLogger(__name__)


class DamageLog:
    """Counts what is damaged; any thread may use it.

    Args:
        store: `history` or `alerts`.
        clock: the time.
    """

    def __init__(self, store: str, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._items: set[str] = set()
        self._moments: deque[float] = deque(maxlen=_MOST_REMEMBERED)
        self.count = 0

    def note(self, item: str, error: object) -> bool:
        """Count an item, and log it, the first time that it is found; returns whether it was.

        Args:
            item: what it is, the same each time.
            error: what is wrong with it.
        """
        with self._lock:
            if item in self._items:
                return False
            if len(self._items) < _MOST_REMEMBERED:
                self._items.add(item)
            self._moments.append(self._clock.now())
            self.count += 1
        _log.error("%s: %s is damaged and left out: %s", self._store, item, error)
        return True

    def readings(self) -> tuple[Reading, ...]:
        """How many were found within the last hour."""
        since = self._clock.now() - _TOLD_FOR_S
        with self._lock:
            recent = sum(moment >= since for moment in self._moments)
        own = ((semconv.LAPBELL_DATA_STORE, self._store),)
        return (Reading(semconv.LAPBELL_DATA_DAMAGED, ReadingKind.GAUGE, "{item}", recent, _HELP, own),)
