"""Which number of history stands for which ref of the store."""

import threading
from typing import Final

import numpy as np

from lapbell_evaluator.history.columns import Ints

__all__ = ["NumberedRefs"]

_SLOT_MASK: Final = (1 << 32) - 1
_FIRST_SLOTS: Final = 1_024


class NumberedRefs:
    """By the slot of a ref. The receiver's thread and those of rules note and ask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refs = np.zeros(_FIRST_SLOTS, np.int64)  # int64[slot], the youngest ref of the slot
        self._numbers = np.zeros(_FIRST_SLOTS, np.int64)  # int64[slot], 0 where none

    def note(self, ref: int, number: int) -> None:
        """Remember a number. A ref whose slot was given to another series meanwhile changes nothing."""
        slot = ref & _SLOT_MASK
        with self._lock:
            if slot >= len(self._refs):
                more = np.zeros(slot, np.int64)
                self._refs, self._numbers = np.concatenate([self._refs, more]), np.concatenate([self._numbers, more])
            if ref >= self._refs[slot]:
                self._refs[slot], self._numbers[slot] = ref, number

    def of(self, refs: Ints) -> Ints:
        """int64[n]: the numbers of refs, 0 where a ref has none or its slot is another series' by now."""
        slots = refs & _SLOT_MASK
        with self._lock:
            slots = np.where(slots < len(self._refs), slots, 0)
            numbers: Ints = np.where(self._refs[slots] == refs, self._numbers[slots], 0)
        return numbers

    def numbers(self) -> set[int]:
        """Those of the series that were in memory last."""
        with self._lock:
            return set(self._numbers.tolist())
