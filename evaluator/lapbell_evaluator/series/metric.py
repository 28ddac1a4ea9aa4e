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

__all__ = ["Metric", "Shard"]

_COLUMNS_PER_RING: Final = 16_384  # widening copies a whole ring: its size bounds the pause
_NO_SLOT: Final = 0
_UNUSED_KEPT: Final = 64

_T = TypeVar("_T", bound=np.generic)


@dataclass(slots=True)
class Shard:
    """One ring, and the series that its columns hold: a metric with many series has several shards.

    Attributes:
        number: of the shard in the directory.
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
        shards: its series, up to 16,384 in each.
        values: distinct values by label name; the first is empty.
        version: changes when a series comes or goes.
    """

    name: str
    shards: list[Shard] = field(default_factory=list)
    values: dict[str, dict[str, int]] = field(default_factory=dict)
    version: int = 0

    @property
    def size(self) -> int:
        """Number of series."""
        return sum(shard.size for shard in self.shards)

    def roomy_shard(self) -> Shard | None:
        """A shard that takes one more series."""
        return next((shard for shard in self.shards if shard.size < _COLUMNS_PER_RING), None)

    def add(self, shard: Shard, slot: int, own: Labels) -> int:
        """Give a series a column of `shard`."""
        column = shard.ring.new_column()
        width = shard.ring.width
        if len(shard.slots) < width:
            shard.slots = _fitted(shard.slots, width)
        shard.slots[column] = slot
        of_shard, of_metric = shard.codes, self.values
        for name, value in own:
            codes = of_shard.get(name)
            if codes is None or len(codes) < width:
                codes = of_shard[name] = np.zeros(width, np.int32) if codes is None else _fitted(codes, width)
                of_metric.setdefault(name, {"": 0})
            values = of_metric[name]
            codes[column] = values.setdefault(value, len(values))
        shard.size += 1
        self.version += 1
        return column

    def remove(self, shard: Shard, column: int) -> None:
        """Take a series' column back."""
        shard.ring.free_column(column)
        shard.slots[column] = _NO_SLOT
        for codes in shard.codes.values():
            codes[column : column + 1] = 0
        shard.size -= 1
        self.version += 1

    def forget_unused_values(self) -> None:
        """Let go of label values that no series has any more, once they are more than those in use."""
        for name, values in self.values.items():
            arrays = [shard.codes[name] for shard in self.shards if name in shard.codes]
            used = np.unique(np.concatenate([np.zeros(1, np.int32), *arrays]))
            if len(values) <= 2 * len(used) + _UNUSED_KEPT:
                continue
            texts = list(values)
            self.values[name] = {texts[code]: at for at, code in enumerate(used.tolist())}
            for codes in arrays:
                codes[:] = np.searchsorted(used, codes)

    def matching_columns(self, shard: Shard, matchers: Sequence[Matcher]) -> Ints | None:
        """int64[series]: columns of `shard` whose labels match; None if these are all that the ring uses."""
        used = shard.ring.used
        chosen: Bools = shard.slots[:used] != _NO_SLOT
        for matcher in matchers:
            if matcher.name != METRIC_NAME:
                chosen = chosen & self._matches(shard, matcher, used)
        return None if bool(chosen.all()) else np.flatnonzero(chosen)

    def _matches(self, shard: Shard, matcher: Matcher, used: int) -> Bools:
        matches = matcher.predicate()
        codes = shard.codes.get(matcher.name)
        if codes is None:
            return np.full(used, matches(""), np.bool_)
        by_code = np.fromiter((matches(value) for value in self.values[matcher.name]), np.bool_)
        matched: Bools = by_code[_fitted(codes, shard.ring.width)[:used]]
        return matched

    def table(self, shard: Shard, columns: Ints | None) -> LabelTable:
        """Labels of these columns of `shard`."""
        used = shard.ring.used
        label_columns: dict[str, Column] = {}
        for name, codes in shard.codes.items():
            fitted = _fitted(codes, shard.ring.width)[:used]
            chosen = fitted.copy() if columns is None else fitted[columns]
            label_columns[name] = Column(chosen, list(self.values[name]))
        return LabelTable(used if columns is None else len(columns), label_columns)


def _fitted(array: npt.NDArray[_T], width: int) -> npt.NDArray[_T]:
    """`array` with at least `width` elements; new ones are 0."""
    if len(array) >= width:
        return array
    return np.concatenate([array, np.zeros(width - len(array), array.dtype)])
