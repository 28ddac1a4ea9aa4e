"""History as rules write it."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from lapbell_evaluator.history.history import History
from lapbell_evaluator.model import Batch, Histogram, Labels
from lapbell_evaluator.series import AppendResult, Matcher, Selection, Spend, free

__all__ = ["Recording"]


class Recording:
    """Takes the samples that rules make: nobody waits for them, and no rule fails because a disk is full.

    Args:
        history: keeps them.
    """

    def __init__(self, history: History) -> None:
        self._history = history

    def intern(self, labels: Labels) -> int:
        """The ref of a series."""
        return self._history.intern(labels)

    def append(self, batch: Batch) -> AppendResult:
        """Keep samples in memory at once, and on disk soon."""
        return self._history.record(batch)

    def append_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        """Keep a native histogram in memory at once, and on disk soon."""
        return self._history.record_histogram(ref, time_ms, histogram)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend = free
    ) -> AbstractContextManager[Selection]:
        """The series that match all matchers, with at least their samples from `start_ms` up to `end_ms`."""
        return self._history.select(matchers, start_ms, end_ms, spend)
