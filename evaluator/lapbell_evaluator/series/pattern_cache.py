"""What was made of patterns, kept within a bound of bytes: foreign requests bring patterns of any number and size."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["PatternCache"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class PatternCache(Generic[K, T]):
    """Answers as `make` does, and lets go of what was asked for longest ago; any thread may use it.

    Args:
        make: of a pattern; what it raises is not kept.
        weigh: how many bytes the pattern and what was made of it need at most.
        most_bytes: of all that is kept.
    """

    def __init__(self, make: Callable[[K], T], weigh: Callable[[K, T], int], most_bytes: int) -> None:
        self._make = make
        self._weigh = weigh
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[K, tuple[T, int]] = OrderedDict()
        self.bytes = 0

    def __call__(self, pattern: K) -> T:
        """What is made of a pattern."""
        with self._lock:
            kept = self._kept.get(pattern)
            if kept is not None:
                self._kept.move_to_end(pattern)
                return kept[0]
        made = self._make(pattern)
        self._keep(pattern, made)
        return made

    def __len__(self) -> int:
        return len(self._kept)

    def _keep(self, pattern: K, made: T) -> None:
        weight = self._weigh(pattern, made)
        with self._lock:
            if pattern in self._kept:  # another thread was quicker
                return
            self._kept[pattern] = made, weight
            self.bytes += weight
            while self.bytes > self._most_bytes:
                _, (_, lost) = self._kept.popitem(last=False)
                self.bytes -= lost
