"""One evaluation under way: its steps, its limits, what it found worth saying."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeVar

import numpy as np

from lapbell_evaluator.model import Labels
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.errors import QueryLimitError, TooManyCellsError
from lapbell_evaluator.promql.syntax.ast import Expr
from lapbell_evaluator.promql.value import Value
from lapbell_evaluator.series import Matcher, Selection, Spend
from lapbell_evaluator.series.arrays import Ints

__all__ = ["Budget", "Run", "Shared", "Storage"]


_COUNTED_AT_ONCE: Final = 64
_Item = TypeVar("_Item")


class Storage(Protocol):
    """Where series come from: memory, disk, or both."""

    @property
    def version(self) -> int:
        """Changes with everything that arrives."""
        ...

    def unchanged(self) -> AbstractContextManager[int]:
        """Nothing arrives within the context; the version."""
        ...

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend
    ) -> AbstractContextManager[Selection]:
        """The series that match all matchers, with at least their samples after `start_ms` up to `end_ms`.

        What is selected does not change within the context; what has to be read is told to `spend` meanwhile.
        """
        ...

    def matching(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend) -> tuple[Labels, ...]:
        """Labels of the series that match and have samples between two times, sorted.

        `spend` is told of the series that are looked at, while they are.
        """
        ...


@dataclass(slots=True)
class Budget:
    """What a query may cost; shared by all parts of it.

    Attributes:
        samples: how many more it may touch.
        cells: how many series times steps may be in memory at once, for each sub-expression.
        deadline: monotonic seconds.
        is_cancelled: set when nobody waits for the answer any more.
        characters: how many more the labels that it makes may have.
    """

    samples: int
    cells: int
    deadline: float
    is_cancelled: threading.Event = field(default_factory=threading.Event)
    characters: int = 16 << 20

    def reserve(self, series: int, steps: int) -> None:
        """Make sure that values of so many series at so many steps have room.

        Raises:
            TooManyCellsError: they have not.
        """
        if series * steps > self.cells:
            raise TooManyCellsError(series * steps)
        self.spend(series * steps)

    def spend(self, samples: int) -> None:
        """Count samples.

        Raises:
            QueryLimitError: there is no budget or no time left.
        """
        self.samples -= samples
        if self.samples < 0:
            raise QueryLimitError(
                "the query touches too many samples", remedy="Select fewer series, a shorter range or a longer step."
            )
        if self.is_cancelled.is_set():
            raise QueryLimitError("the query was cancelled")
        if time.monotonic() > self.deadline:
            raise QueryLimitError("the query takes too long", remedy="Select fewer series or a shorter range.")

    def write(self, characters: int) -> None:
        """Count characters of a label that is made, and the label as a sample.

        Raises:
            QueryLimitError: there is no budget or no time left.
        """
        self.characters -= characters
        if self.characters < 0:
            raise QueryLimitError(
                "the query makes too much text", remedy="Select fewer series, or write shorter labels."
            )
        self.spend(1)

    def counted(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """The items, each counted as a sample: what a loop over series takes them from.

        Raises:
            QueryLimitError: there is no budget or no time left.
        """
        for at, item in enumerate(items, 1):
            if at % _COUNTED_AT_ONCE == 0:
                self.spend(_COUNTED_AT_ONCE)
            yield item


Shared = dict[tuple[Expr, bytes], tuple[Value, Expr, Annotations]]
"""Values of sub-expressions at some times, with the node that was evaluated."""


@dataclass(frozen=True, slots=True)
class Run:
    """An expression's steps and surroundings.

    Attributes:
        storage: where series come from.
        times: int64[step], milliseconds, ascending.
        start_ms: of the query, for `start()`.
        end_ms: of the query, for `end()`: no step where the range is no multiple of the step.
        step_ms: between steps; 0 of an instant query.
        interval_ms: between moments of a subquery that names no step.
        lookback_ms: how old a sample may be and still count as present.
        budget: what is left of time and samples.
        annotations: what was found.
        shared: values that other queries of the cycle left; None if nothing is shared.
    """

    storage: Storage
    times: Ints
    start_ms: int
    end_ms: int
    step_ms: int
    interval_ms: int
    lookback_ms: int
    budget: Budget
    annotations: Annotations
    shared: Shared | None = None

    @property
    def steps(self) -> int:
        """Number of steps."""
        return len(self.times)

    @property
    def step_s(self) -> float:
        """Seconds between steps."""
        return self.step_ms / 1000

    @property
    def range_s(self) -> float:
        """Seconds from start to end."""
        return (self.end_ms - self.start_ms) / 1000

    def at(self, times: Ints) -> "Run":
        """The same surroundings at other times."""
        return replace(self, times=np.ascontiguousarray(times), shared=None)

    def noting(self, annotations: Annotations) -> "Run":
        """The same, whose findings go elsewhere; made for every node, and not by `replace`, which is slow."""
        return Run(
            self.storage,
            self.times,
            self.start_ms,
            self.end_ms,
            self.step_ms,
            self.interval_ms,
            self.lookback_ms,
            self.budget,
            annotations,
            self.shared,
        )
