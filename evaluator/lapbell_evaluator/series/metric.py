"""All series of one metric: their labels in columns, their samples in rings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Labels
from lapbell_evaluator.series.frame import Bools, Ints
from lapbell_evaluator.series.matcher import Matcher
from lapbell_evaluator.series.ring import Ring
from lapbell_evaluator.series.table import Column, LabelTable

__all__ = ["Home", "Metric"]

_COLUMNS_PER_RING: Final = 16_384  # widening copies a whole ring: its size bounds the pause
_NO_SLOT: Final = -1


@dataclass(slots=True)
class Home:
    """One ring, and whose columns these are.

    Attributes:
        number: of the ring in the store.
        ring: the samples.
        metric: whose series they are.
        slots: int64[column], the store's number of each series, -1 where a column is free.
        codes: int32[column] by label name, positions in the metric's values.
    """

    number: int
    metric: "Metric"
    ring: Ring
    slots: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    codes: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(slots=True)
class Metric:
    """The series that share a name.

    Attributes:
        name: the metric's; empty for series without one.
        homes: rings of its series.
        values: distinct values by label name; the first is empty.
        version: changes when a series comes or goes.
        size: number of series.
    """

    name: str
    homes: list[Home] = field(default_factory=list)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    version: int = 0
    size: int = 0

    def roomy_home(self) -> Home | None:
        """A home that takes one more series."""
        if self.homes and self.size < len(self.homes) * _COLUMNS_PER_RING:
            return (
                min(self.homes, key=lambda home: int((home.slots != _NO_SLOT).sum()))
                if len(self.homes) > 1
                else self.homes[0]
            )
        return None

    def add(self, home: Home, slot: int, labels: Labels) -> int:
        """Give a series a column of `home`."""
        column = home.ring.new_column()
        width = home.ring.width
        home.slots = _fitted(home.slots, width, _NO_SLOT)
        home.slots[column] = slot
        for codes in home.codes.values():
            if len(codes) == width:
                codes[column] = 0
        for name, value in labels:
            known = self.values.setdefault(name, {"": 0})
            codes = home.codes.get(name, np.empty(0, np.int32))
            codes = home.codes[name] = _fitted(codes, width, 0)
            codes[column] = known.setdefault(value, len(known))
        self.size += 1
        self.version += 1
        return column

    def remove(self, home: Home, column: int) -> None:
        """Take a series' column back."""
        home.ring.free_column(column)
        home.slots[column] = _NO_SLOT
        self.size -= 1
        self.version += 1

    def labels_at(self, home: Home, column: int) -> Labels:
        """The labels of one series."""
        pairs = (
            (name, self._text(name, int(codes[column]))) for name, codes in home.codes.items() if column < len(codes)
        )
        return tuple(sorted((name, value) for name, value in pairs if value))

    def _text(self, name: str, code: int) -> str:
        return list(self.values[name])[code]

    def matching_columns(self, home: Home, matchers: Sequence[Matcher]) -> Ints | None:
        """int64[series]: columns of `home` whose labels match; None if these are all that the ring uses."""
        used = home.ring.used
        chosen = home.slots[:used] != _NO_SLOT
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
        matched: Bools = by_code[_fitted(codes, home.ring.width, 0)[:used]]
        return matched

    def table(self, home: Home, columns: Ints | None) -> LabelTable:
        """Labels of these columns of `home`."""
        used, width = home.ring.used, home.ring.width
        own: dict[str, Column] = {}
        for name, codes in home.codes.items():
            of_columns = _fitted(codes, width, 0)[:used]
            own[name] = Column(of_columns.copy() if columns is None else of_columns[columns], list(self.values[name]))
        return LabelTable(used if columns is None else len(columns), own)


def _fitted(array: np.ndarray, width: int, fill: int) -> np.ndarray:
    """`array` with at least `width` elements."""
    if len(array) >= width:
        return array
    return np.concatenate([array, np.full(width - len(array), fill, array.dtype)])
