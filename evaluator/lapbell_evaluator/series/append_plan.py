"""Where the samples of a batch go: found once, because exporters send the same series again and again.

A batch is three arrays of equal length: refs, times and values. Where a sample goes depends on its ref alone, so the
refs' own bytes are the key of a plan: which samples can be appended together, in which rings, in which columns. The
directory's version tells whether a plan still holds. An exporter's next batch then costs one dictionary look-up instead
of a sort.

Several samples of one series in a batch would fight for one cell: they go in passes, one after the other, in each of
which a series occurs once at most. The first occurrences make the first pass, the second ones the next.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from lapbell_evaluator.series.appending import Layout, layout_of
from lapbell_evaluator.series.arrays import Ints
from lapbell_evaluator.series.directory import NOWHERE, Directory, slots_of

__all__ = ["AppendPass", "AppendPlan", "AppendPlans"]

_REFS_KEPT: Final = 500_000


@dataclass(frozen=True, slots=True, eq=False)
class AppendPass:
    """Samples of a batch that are appended together; no series occurs twice.

    Attributes:
        positions: int64[n] in the batch, or a slice of all of it in its order, which copies nothing.
        layout: where they go.
    """

    positions: Ints | slice
    layout: Layout


@dataclass(frozen=True, slots=True, eq=False)
class AppendPlan:
    """What becomes of the samples of a batch, as far as that depends on their series.

    Attributes:
        version: of the directory when the plan was made.
        passes: in the order in which they are appended.
        metrics: names of the metrics of these series.
        gone: int64[k], positions of samples whose refs are out of date.
        over_limit: number of samples of series beyond the limit.
    """

    version: int
    passes: tuple[AppendPass, ...]
    metrics: frozenset[str]
    gone: Ints
    over_limit: int


class AppendPlans:
    """Plans by the refs of a batch; those used last are kept, up to 500,000 refs in all.

    Args:
        directory: which ring and column a ref has.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._by_refs: OrderedDict[bytes, AppendPlan] = OrderedDict()
        self._refs = 0  # of all plans together
        self._marks: Ints = np.zeros(0, np.int64)  # int64[slot], scratch of `_passes`

    def plan(self, refs: Ints) -> AppendPlan:
        """The plan of a batch with these refs, int64[n]."""
        key = refs.tobytes()
        plan = self._by_refs.get(key)
        if plan is not None and plan.version == self._directory.version:
            self._by_refs.move_to_end(key)
            return plan
        if plan is None:
            self._refs += len(refs)
        plan = self._by_refs[key] = self._new_plan(refs)
        while self._refs > _REFS_KEPT and len(self._by_refs) > 1:
            forgotten, _ = self._by_refs.popitem(last=False)
            self._refs -= len(forgotten) // refs.itemsize
        return plan

    def forget(self) -> None:
        """Let go of all plans, and of the rings that they lead to."""
        self._by_refs.clear()
        self._refs = 0

    def _new_plan(self, refs: Ints) -> AppendPlan:
        directory = self._directory
        slots = slots_of(refs)
        is_live = directory.are_live(refs, slots)  # bool[n]
        is_over = refs == NOWHERE  # bool[n]
        gone = np.flatnonzero(~is_live & ~is_over)
        positions = np.flatnonzero(is_live)
        passes = tuple(self._passes(positions, slots[positions], is_all=bool(is_live.all())))
        metrics = frozenset(
            directory.shard(number).metric.name for number in set(directory.shard_of[slots[is_live]].tolist())
        )
        return AppendPlan(directory.version, passes, metrics, gone, int(is_over.sum()))

    def _passes(self, positions: Ints, slots: Ints, *, is_all: bool) -> list[AppendPass]:
        """Peel off the first occurrence of each slot until nothing is left; both arrays are int64[n].

        Writing each sample's number into its slot's mark, from the last to the first, leaves the first one's number
        there: a sample is the first of its slot where it reads its own number back. No sort is needed.
        """
        if len(self._marks) < len(self._directory.shard_of):
            self._marks = np.zeros(len(self._directory.shard_of), np.int64)
        passes: list[AppendPass] = []
        while len(slots):
            numbers = np.arange(len(slots))
            self._marks[slots[::-1]] = numbers[::-1]
            is_first = self._marks[slots] == numbers
            is_whole = is_all and not passes and bool(is_first.all())
            passes.append(self._pass(positions[is_first], slots[is_first], is_whole=is_whole))
            positions, slots = positions[~is_first], slots[~is_first]
        return passes

    def _pass(self, positions: Ints, slots: Ints, *, is_whole: bool) -> AppendPass:
        """Bring the samples of each ring together; they mostly are, because exporters send metric by metric."""
        shards = self._directory.shard_of[slots]
        runs = shards[np.concatenate([[True], shards[1:] != shards[:-1]])].tolist()
        if len(runs) != len(set(runs)):
            order = np.argsort(shards, kind="stable")
            positions, slots, shards, is_whole = positions[order], slots[order], shards[order], False
        layout = layout_of(shards, self._directory.column_of[slots], self._directory.ring)
        return AppendPass(slice(None) if is_whole else positions, layout)
