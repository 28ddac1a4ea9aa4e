"""Where batches go: exporters send the same series again and again, so the way of a batch is found once."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.series.appending import Layout, layout_of
from lapbell_evaluator.series.arrays import Ints
from lapbell_evaluator.series.directory import NOWHERE, Directory, slots_of

__all__ = ["Layouts", "Wave", "Way"]

_REFS_KEPT: Final = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """Samples of a batch that are appended together.

    Attributes:
        positions: int64[n] in the batch, or all of it in its order.
        layout: where they go.
    """

    positions: Ints | slice
    layout: Layout


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """What becomes of the samples of a batch, as far as that depends on their series.

    Attributes:
        version: of the directory.
        waves: in each, every series occurs once; in order.
        metrics: names of the metrics of these series.
        gone: int64[k], positions of samples whose refs are out of date.
        over_limit: number of samples of series beyond the limit.
    """

    version: int
    waves: tuple[Wave, ...]
    metrics: frozenset[str]
    gone: Ints
    over_limit: int


class Layouts:
    """Ways by the refs of a batch; those used last are kept, up to so many refs in all."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._kept: OrderedDict[bytes, Way] = OrderedDict()
        self._refs = 0
        self._marks: Ints = np.zeros(0, np.int64)  # int64[slot], scratch of `_waves`

    def way(self, refs: Ints) -> Way:
        """The way of a batch."""
        key = refs.tobytes()
        way = self._kept.get(key)
        if way is not None and way.version == self._directory.version:
            self._kept.move_to_end(key)
            return way
        if way is None:
            self._refs += len(refs)
        way = self._kept[key] = self._found(refs)
        while self._refs > _REFS_KEPT and len(self._kept) > 1:
            forgotten, _ = self._kept.popitem(last=False)
            self._refs -= len(forgotten) // refs.itemsize
        return way

    def forget(self) -> None:
        """Let go of all ways, and of the rings that they lead to."""
        self._kept.clear()
        self._refs = 0

    def _found(self, refs: Ints) -> Way:
        directory = self._directory
        slots = slots_of(refs)
        live = directory.are_live(refs, slots)
        is_over = refs == NOWHERE
        gone = np.flatnonzero(~live & ~is_over)
        positions = np.flatnonzero(live)
        waves = tuple(self._waves(positions, slots[positions], is_all=bool(live.all())))
        metrics = frozenset(
            directory.home(number).metric.name for number in set(directory.home_of[slots[live]].tolist())
        )
        return Way(directory.version, waves, metrics, gone, int(is_over.sum()))

    def _waves(self, positions: Ints, slots: Ints, *, is_all: bool) -> list[Wave]:
        if len(self._marks) < len(self._directory.home_of):
            self._marks = np.zeros(len(self._directory.home_of), np.int64)
        waves: list[Wave] = []
        while len(slots):
            places = np.arange(len(slots))
            self._marks[slots[::-1]] = places[::-1]  # the first occurrence is written last
            is_first = self._marks[slots] == places
            is_whole = is_all and not waves and bool(is_first.all())
            waves.append(self._wave(positions[is_first], slots[is_first], is_whole=is_whole))
            positions, slots = positions[~is_first], slots[~is_first]
        return waves

    def _wave(self, positions: Ints, slots: Ints, *, is_whole: bool) -> Wave:
        homes = self._directory.home_of[slots]
        runs = homes[np.concatenate([[True], homes[1:] != homes[:-1]])].tolist()
        if len(runs) != len(set(runs)):
            order = np.argsort(homes, kind="stable")
            positions, slots, homes, is_whole = positions[order], slots[order], homes[order], False
        layout = layout_of(homes, self._directory.column_of[slots], self._directory.ring)
        return Wave(slice(None) if is_whole else positions, layout)
