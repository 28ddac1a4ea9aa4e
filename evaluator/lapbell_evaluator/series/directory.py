"""Labels to refs, and refs to shards and columns.

A ref is an int64: the slot in its lower 32 bits, the slot's generation above. Slots are given away again after an
eviction with the next generation, so that an old ref is recognised by one comparison of arrays and never reads or
writes another series' samples. Slot 0 belongs to no series.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from lapbell_evaluator.model import METRIC_NAME, Labels, label_value
from lapbell_evaluator.series.arrays import Bools, Ints
from lapbell_evaluator.series.column_states import ColumnStates
from lapbell_evaluator.series.metric import Metric, Shard
from lapbell_evaluator.series.ring import Ring

__all__ = ["NOWHERE", "Directory", "slot_of", "slots_of"]

NOWHERE: Final = 0
"""The slot of no series, and the number of no shard."""

_GENERATION_SHIFT: Final = 32
_SLOT_MASK: Final = (1 << _GENERATION_SHIFT) - 1
_FIRST_SLOTS: Final = 1_024


def slots_of(refs: Ints) -> Ints:
    """int64[n]: the slots that refs name, of whatever generation."""
    slots: Ints = refs & _SLOT_MASK
    return slots


def slot_of(ref: int) -> int:
    """The slot that a ref names."""
    return ref & _SLOT_MASK


class Directory:
    """The series that are held.

    Args:
        longer_ms: by how much longer than others the samples of some metrics are kept, by name.

    Attributes:
        metrics: by name.
        states: of the columns of all rings.
        shard_of: int64[slot], number of the shard, `NOWHERE` where the slot is free.
        column_of: int64[slot], the column in the shard's ring.
        version: changes when series that are held move or go.
    """

    def __init__(self, longer_ms: Mapping[str, int] = MappingProxyType({})) -> None:
        self._longer_ms = longer_ms
        self.version = 0
        self.metrics: dict[str, Metric] = {}
        self.states = ColumnStates()
        self.shard_of: Ints = np.zeros(_FIRST_SLOTS, np.int64)
        self.column_of: Ints = np.zeros(_FIRST_SLOTS, np.int64)
        self._generation_of: Ints = np.zeros(_FIRST_SLOTS, np.int64)
        self._refs: dict[Labels, int] = {}
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._labels: list[Labels] = [()]
        self._free_slots: list[int] = []
        self._shards: list[Shard | None] = [None]
        self._free_shards: list[int] = []
        self._shrunk: set[str] = set()  # metrics that lost series since they were tidied

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
        if not 0 < slot < len(self._labels) or self.shard_of[slot] == NOWHERE:
            return False
        return int(self._generation_of[slot]) == ref >> _GENERATION_SHIFT

    def are_live(self, refs: Ints, slots: Ints) -> Bools:
        """bool[n]: `is_live` of many."""
        live: Bools = self._generation_of[slots] == refs >> _GENERATION_SHIFT
        live &= self.shard_of[slots] != NOWHERE
        return live

    def metric_of(self, own: Labels) -> Metric:
        """The metric that a series belongs to; a new one if it is the first."""
        name = label_value(own, METRIC_NAME)
        return self.metrics.get(name) or Metric(name)

    def add(self, metric: Metric, own: Labels) -> int:
        """Give a new series its place; its ref."""
        self.metrics[metric.name] = metric
        own = tuple(map(self._pairs.setdefault, own, own))
        shard = metric.roomy_shard() or self._new_shard(metric)
        slot, base = self._new_slot(), shard.ring.base
        self._labels[slot] = own
        self.column_of[slot] = metric.add(shard, slot, own)
        if shard.ring.base != base:
            self.version += 1
        self.shard_of[slot] = shard.number
        ref = int(self._generation_of[slot]) << _GENERATION_SHIFT | slot
        self._refs[own] = ref
        return ref

    def remove(self, shard: Shard, column: int) -> None:
        """Let a series go."""
        self.version += 1
        slot = int(shard.slots[column])
        shard.metric.remove(shard, column)
        self._shrunk.add(shard.metric.name)
        del self._refs[self._labels[slot]]
        self._labels[slot] = ()
        self.shard_of[slot] = NOWHERE
        self._generation_of[slot] += 1
        self._free_slots.append(slot)

    def tidy(self) -> list[str]:
        """After evictions: let go of metrics without series and of label texts that nobody has; the names that went."""
        shrunk = [self.metrics[name] for name in self._shrunk]
        self._shrunk.clear()
        gone = [metric.name for metric in shrunk if not metric.size]
        for name in gone:
            for shard in self.metrics.pop(name).shards:
                shard.ring.release()
                self._shards[shard.number] = None
                self._free_shards.append(shard.number)
        for metric in shrunk:
            metric.forget_unused_values()
        if len(self._pairs) > 2 * len(self._refs) + _FIRST_SLOTS:
            self._pairs = {pair: pair for own in self._refs for pair in own}
        return gone

    def places(self, slots: Ints) -> Ints:
        """int64[n]: where the states of these series are; the slots must be taken."""
        bases = np.array([0 if shard is None else shard.ring.base for shard in self._shards], np.int64)
        places: Ints = bases[self.shard_of[slots]] + self.column_of[slots]
        return places

    def shards(self) -> Iterator[Shard]:
        """All shards that are in use."""
        return (shard for shard in self._shards if shard is not None)

    def shard(self, number: int) -> Shard:
        """The shard of a number.

        Raises:
            LookupError: there is none.
        """
        shard = self._shards[number]
        if shard is None:
            raise LookupError(f"no shard has the number {number}")
        return shard

    def ring(self, number: int) -> Ring:
        """The ring of the shard of a number."""
        return self.shard(number).ring

    def _new_shard(self, metric: Metric) -> Shard:
        if not self._free_shards:
            self._free_shards.append(len(self._shards))
            self._shards.append(None)
        number = self._free_shards.pop()
        shard = self._shards[number] = Shard(number, metric, Ring(self.states, self._longer_ms.get(metric.name, 0)))
        metric.shards.append(shard)
        return shard

    def _new_slot(self) -> int:
        if self._free_slots:
            return self._free_slots.pop()
        slot = len(self._labels)
        self._labels.append(())
        if slot >= len(self.shard_of):
            more = np.zeros(slot, np.int64)
            self.shard_of = np.concatenate([self.shard_of, more])
            self.column_of = np.concatenate([self.column_of, more])
            self._generation_of = np.concatenate([self._generation_of, more])
        return slot
