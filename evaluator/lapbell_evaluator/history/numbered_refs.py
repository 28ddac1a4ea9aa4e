"""Which number of history stands for which ref of the store."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from lapbell_evaluator.history.columns import Ints
from lapbell_evaluator.model import Labels

__all__ = ["NumberedRefs"]

_SLOT_MASK: Final = (1 << 32) - 1
_FIRST_SLOTS: Final = 1_024


class NumberedRefs:
    """By the slot of a ref. The receiver's thread and those of rules intern and ask at the same time.

    An export brings thousands of series that are new together. They are given their numbers together, when the first
    number is asked for.

    Args:
        give: the numbers of series, new ones for those that have none.
    """

    def __init__(self, give: Callable[[Sequence[Labels]], Sequence[int]]) -> None:
        self._give = give
        self._lock = threading.Lock()
        self._interned: deque[tuple[int, Labels]] = deque()  # refs without a number; any thread appends
        self._refs = np.zeros(_FIRST_SLOTS, np.int64)  # int64[slot], the youngest ref of the slot
        self._numbers = np.zeros(_FIRST_SLOTS, np.int64)  # int64[slot], 0 where none

    def interned(self, ref: int, labels: Labels) -> None:
        """A series has a ref; it has a number before the next number is told."""
        self._interned.append((ref, labels))

    def of(self, refs: Ints) -> Ints:
        """int64[n]: the numbers of refs, 0 where a ref has none or its slot is another series' by now."""
        slots = refs & _SLOT_MASK
        with self._lock:
            self._number_interned()
            slots = np.where(slots < len(self._refs), slots, 0)
            numbers: Ints = np.where(self._refs[slots] == refs, self._numbers[slots], 0)
        return numbers

    def numbers(self) -> set[int]:
        """Those of the series that were in memory last."""
        with self._lock:
            return set(self._numbers.tolist())

    def _number_interned(self) -> None:
        """Give those that were interned their numbers. A ref whose slot another series has by now changes nothing."""
        waiting = [self._interned.popleft() for _ in range(len(self._interned))]
        if not waiting:
            return
        try:
            numbers = np.array(self._give([labels for _, labels in waiting]), np.int64)
        except BaseException:
            self._interned.extendleft(reversed(waiting))  # without a number their samples would not be written
            raise
        refs = np.array([ref for ref, _ in waiting], np.int64)  # int64[n], of one slot a later one is greater
        order = np.argsort(refs, kind="stable")
        refs, numbers = refs[order], numbers[order]
        slots = refs & _SLOT_MASK
        missing = int(slots.max()) + 1 - len(self._refs)
        if missing > 0:
            more = np.zeros(max(missing, len(self._refs)), np.int64)
            self._refs, self._numbers = np.concatenate([self._refs, more]), np.concatenate([self._numbers, more])
        is_latest = refs >= self._refs[slots]  # bool[n]; of several that are, the last one in the order stays
        self._refs[slots[is_latest]], self._numbers[slots[is_latest]] = refs[is_latest], numbers[is_latest]
