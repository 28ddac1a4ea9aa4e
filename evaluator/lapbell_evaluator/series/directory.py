"""Who a series is and where it lives: labels to refs, refs to rings and columns."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Labels
from lapbell_evaluator.series.arrays import Bools, Ints
from lapbell_evaluator.series.column_states import ColumnStates
from lapbell_evaluator.series.metric import Home, Metric
from lapbell_evaluator.series.ring import Ring

__all__ = ["NOWHERE", "Directory", "slots_of"]

NOWHERE: Final = 0
"""The slot of no series, and the number of no ring."""

_GENERATION_SHIFT: Final = 32
_SLOT_MASK: Final = (1 << _GENERATION_SHIFT) - 1
_FIRST_SLOTS: Final = 1_024


def slots_of(refs: Ints) -> Ints:
    """int64[n]: the slots that refs name, of whatever generation."""
    slots: Ints = refs & _SLOT_MASK
    return slots


class Directory:
    """Refs hold a slot and how often it was given away before: one that is out of date is thereby known.

    Attributes:
        metrics: by name.
        states: of the columns of all rings.
        home_of: int64[slot], number of the ring, `NOWHERE` where there is none.
        column_of: int64[slot], the column in it.
        version: changes when series that are held move or go.
    """

    def __init__(self) -> None:
        self.version = 0
        self.metrics: dict[str, Metric] = {}
        self.states = ColumnStates()
        self.home_of: Ints = np.zeros(_FIRST_SLOTS, np.int64)
        self.column_of: Ints = np.zeros(_FIRST_SLOTS, np.int64)
        self._generation_of: Ints = np.zeros(_FIRST_SLOTS, np.int64)
        self._refs: dict[Labels, int] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._labels: list[Labels] = [()]
        self._free_slots: list[int] = []
        self._homes: list[Home | None] = [None]
        self._free_homes: list[int] = []

    def __len__(self) -> int:
        return len(self._refs)

    def ref_of(self, own: Labels) -> int | None:
        """The ref of a series; None if it has none."""
        return self._refs.get(own)

    def labels_of(self, ref: int) -> Labels:
        """The labels of a series; empty if the ref is out of date."""
        return self._labels[ref & _SLOT_MASK] if self.is_live(ref) else ()

    def is_live(self, ref: int) -> bool:
        """Whether a ref names a series that is still held."""
        slot = ref & _SLOT_MASK
        if not 0 < slot < len(self._labels) or self.home_of[slot] == NOWHERE:
            return False
        return int(self._generation_of[slot]) == ref >> _GENERATION_SHIFT

    def are_live(self, refs: Ints, slots: Ints) -> Bools:
        """bool[n]: `is_live` of many."""
        live: Bools = self._generation_of[slots] == refs >> _GENERATION_SHIFT
        live &= self.home_of[slots] != NOWHERE
        return live

    def metric_of(self, own: Labels) -> Metric:
        """The metric that a series belongs to; a new one if it is the first."""
        name = next((value for label, value in own if label == METRIC_NAME), "")
        return self.metrics.get(name) or Metric(name)

    def add(self, metric: Metric, own: Labels) -> int:
        """Give a new series its place; its ref."""
        self.metrics[metric.name] = metric
        own = tuple(self._pairs.setdefault(pair, pair) for pair in own)
        home = metric.roomy_home() or self._new_home(metric)
        slot, base = self._new_slot(), home.ring.base
        self._labels[slot] = own
        self.column_of[slot] = metric.add(home, slot, own)
        if home.ring.base != base:
            self.version += 1
        self.home_of[slot] = home.number
        ref = int(self._generation_of[slot]) << _GENERATION_SHIFT | slot
        self._refs[own] = ref
        return ref

    def remove(self, home: Home, column: int) -> None:
        """Let a series go."""
        self.version += 1
        slot = int(home.slots[column])
        home.metric.remove(home, column)
        del self._refs[self._labels[slot]]
        self._labels[slot] = ()
        self.home_of[slot] = NOWHERE
        self._generation_of[slot] += 1
        self._free_slots.append(slot)

    def tidy(self) -> list[str]:
        """After series went: let go of metrics without any, and of what only they said; the names that went."""
        gone = [name for name, metric in self.metrics.items() if not metric.size]
        for name in gone:
            for home in self.metrics.pop(name).homes:
                home.ring.release()
                self._homes[home.number] = None
                self._free_homes.append(home.number)
        for metric in self.metrics.values():
            metric.forget_unused_values()
        if len(self._pairs) > 2 * len(self._refs) + _FIRST_SLOTS:
            self._pairs = {pair: pair for own in self._refs for pair in own}
        return gone

    def homes(self) -> Iterator[Home]:
        """All rings that are in use."""
        return (home for home in self._homes if home is not None)

    def home(self, number: int) -> Home:
        """The ring of a number.

        Raises:
            LookupError: there is none.
        """
        home = self._homes[number]
        if home is None:
            raise LookupError(f"no ring has the number {number}")
        return home

    def ring(self, number: int) -> Ring:
        """The samples in the ring of a number."""
        return self.home(number).ring

    def _new_home(self, metric: Metric) -> Home:
        if not self._free_homes:
            self._free_homes.append(len(self._homes))
            self._homes.append(None)
        number = self._free_homes.pop()
        home = self._homes[number] = Home(number, metric, Ring(self.states))
        metric.homes.append(home)
        return home

    def _new_slot(self) -> int:
        if self._free_slots:
            return self._free_slots.pop()
        slot = len(self._labels)
        self._labels.append(())
        if slot >= len(self.home_of):
            more = np.zeros(slot, np.int64)
            self.home_of = np.concatenate([self.home_of, more])
            self.column_of = np.concatenate([self.column_of, more])
            self._generation_of = np.concatenate([self._generation_of, more])
        return slot
