"""All series of one metric: their labels in columns, their samples in rings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import METRIC_NAME, Labels
from lapbell_evaluator.series.arrays import Bools, Codes, Ints
from lapbell_evaluator.series.matcher import Matcher
from lapbell_evaluator.series.ring import Ring
from lapbell_evaluator.series.table import Column, LabelTable

__all__ = ["Home", "Metric"]

_COLUMNS_PER_RING: Final = 16_384  # widening copies a whole ring: its size bounds the pause
_NO_SLOT: Final = 0
_UNUSED_KEPT: Final = 64

_T = TypeVar("_T", bound=np.generic)


@dataclass(slots=True)
class Home:
    """One ring, and whose columns these are.

    Attributes:
        number: of the ring in the store.
        metric: whose series they are.
        ring: the samples.
        slots: int64[column], the store's number of each series, 0 where a column is free.
        codes: int32[column] by label name, positions in the metric's values.
        size: number of series.
    """

    number: int
    metric: "Metric"
    ring: Ring
    slots: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    codes: dict[str, Codes] = field(default_factory=dict)
    size: int = 0


@dataclass(slots=True)
class Metric:
    """The series that share a name.

    Attributes:
        name: the metric's; empty for series without one.
        homes: rings of its series.
        values: distinct values by label name; the first is empty.
        version: changes when a series comes or goes.
    """

    name: str
    homes: list[Home] = field(default_factory=list)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    version: int = 0

    @property
    def size(self) -> int:
        """Number of series."""
        return sum(home.size for home in self.homes)

    def roomy_home(self) -> Home | None:
        """A home that takes one more series."""
        return next((home for home in self.homes if home.size < _COLUMNS_PER_RING), None)

    def add(self, home: Home, slot: int, own: Labels) -> int:
        """Give a series a column of `home`."""
        column = home.ring.new_column()
        width = home.ring.width
        home.slots = _fitted(home.slots, width)
        home.slots[column] = slot
        for name, value in own:
            known = self.values.setdefault(name, {"": 0})
            codes = home.codes.get(name)
            codes = home.codes[name] = np.zeros(width, np.int32) if codes is None else _fitted(codes, width)
            codes[column] = known.setdefault(value, len(known))
        home.size += 1
        self.version += 1
        return column

    def remove(self, home: Home, column: int) -> None:
        """Take a series' column back."""
        home.ring.free_column(column)
        home.slots[column] = _NO_SLOT
        for codes in home.codes.values():
            codes[column : column + 1] = 0
        home.size -= 1
        self.version += 1

    def forget_unused_values(self) -> None:
        """Let go of label values that no series has any more, once they are more than those in use."""
        for name, known in self.values.items():
            own = [home.codes[name] for home in self.homes if name in home.codes]
            used = np.unique(np.concatenate([np.zeros(1, np.int32), *own]))
            if len(known) <= 2 * len(used) + _UNUSED_KEPT:
                continue
            texts = list(known)
            self.values[name] = {texts[code]: at for at, code in enumerate(used.tolist())}
            for codes in own:
                codes[:] = np.searchsorted(used, codes)

    def matching_columns(self, home: Home, matchers: Sequence[Matcher]) -> Ints | None:
        """int64[series]: columns of `home` whose labels match; None if these are all that the ring uses."""
        used = home.ring.used
        chosen: Bools = home.slots[:used] != _NO_SLOT
        for matcher in matchers:
            if matcher.name != METRIC_NAME:
                chosen = chosen & self._matches(home, matcher, used)
        return None if bool(chosen.all()) else np.flatnonzero(chosen)

    def _matches(self, home: Home, matcher: Matcher, used: int) -> Bools:
        matches = matcher.predicate()
        codes = home.codes.get(matcher.name)
        if codes is None:
            return np.full(used, matches(""), np.bool_)
        by_code = np.fromiter((matches(value) for value in self.values[matcher.name]), np.bool_)
        matched: Bools = by_code[_fitted(codes, home.ring.width)[:used]]
        return matched

    def table(self, home: Home, columns: Ints | None) -> LabelTable:
        """Labels of these columns of `home`."""
        used = home.ring.used
        own: dict[str, Column] = {}
        for name, codes in home.codes.items():
            of_columns = _fitted(codes, home.ring.width)[:used]
            own[name] = Column(of_columns.copy() if columns is None else of_columns[columns], list(self.values[name]))
        return LabelTable(used if columns is None else len(columns), own)


def _fitted(array: npt.NDArray[_T], width: int) -> npt.NDArray[_T]:
    """`array` with at least `width` elements; new ones are 0."""
    if len(array) >= width:
        return array
    return np.concatenate([array, np.zeros(width - len(array), array.dtype)])
