"""The tasks of a queue in one process: what runs, what has ended, and the workers that take them."""

import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["Tasks"]

_TIMES: Final = 1_000
"""Processing times kept for the mean."""
_MOST_ERROR_TYPES: Final = 100
"""Types of errors that are counted by name; those beyond them are counted as `other`."""


class Tasks:
    """The tasks and workers of one queue in one process.

    Args:
        clock: monotonic seconds.
        other: the name that failures beyond the first hundred types of errors are counted by.
    """

    def __init__(self, clock: Callable[[], float], other: str) -> None:
        self._clock = clock
        self._other = other
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._running: dict[int, float] = {}  # when each began
        self._workers: int | None = None
        self._ended = 0
        self._failures: Counter[str] = Counter()
        self._times_s: deque[float] = deque(maxlen=_TIMES)

    @property
    def workers(self) -> int | None:
        """Workers of this process, 0 once all of them are done; None as long as it has never had any."""
        return self._workers

    @property
    def running(self) -> int:
        """Tasks that run, each of which keeps a worker busy."""
        return len(self._running)

    @property
    def processed(self) -> int:
        """Tasks that have ended."""
        return self._ended

    @property
    def are_seen(self) -> bool:
        """Whether this process is one that runs tasks, so that none running means that none runs."""
        return bool(self._workers or self._ended or self._running)

    @property
    def failures(self) -> Mapping[str, int]:
        """How many tasks have failed, by the type of the error."""
        with self._lock:
            return dict(self._failures)

    @property
    def mean_s(self) -> float | None:
        """Seconds per task, over the last thousand; None before the first has ended."""
        with self._lock:
            return sum(self._times_s) / len(self._times_s) if self._times_s else None

    def oldest_s(self) -> float:
        """Seconds that the task has run which began first; 0 if none runs."""
        with self._lock:
            began = min(self._running.values(), default=None)
        return 0.0 if began is None else max(0.0, self._clock() - began)

    def hire(self, workers: int) -> None:
        """Count more workers, or fewer if negative."""
        with self._lock:
            self._workers = (self._workers or 0) + workers

    def begin(self) -> int:
        """A task begins; answers the number by which it ends."""
        with self._lock:
            number = next(self._numbers)
            self._running[number] = self._clock()
        return number

    def end(self, number: int, error_type: str) -> float:
        """A task has ended; answers how many seconds it took.

        Args:
            number: as `begin` gave it.
            error_type: what failed, empty if nothing did.
        """
        with self._lock:
            took_s = max(0.0, self._clock() - self._running.pop(number))
            self._ended += 1
            self._times_s.append(took_s)
            if error_type:
                is_counted = error_type in self._failures or len(self._failures) < _MOST_ERROR_TYPES
                self._failures[error_type if is_counted else self._other] += 1
        return took_s
