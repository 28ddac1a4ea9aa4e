"""When samples arrived: of each series the newest one."""

import threading
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Batch, Labels, RawSample
from lapbell_evaluator.series import BEFORE, OVERFLOW_REF, slots_of

__all__ = ["Arrivals"]

_FIRST_SLOTS: Final = 1_024
_MS_PER_S: Final = 1000


class Arrivals:
    """Remembers 16 B for each series; may be asked from any thread.

    Args:
        ref_of: the ref of a series; None if it has none.
    """

    def __init__(self, ref_of: Callable[[Labels], int | None]) -> None:
        self._ref_of = ref_of
        self._lock = threading.Lock()
        self._times_ms = np.full(_FIRST_SLOTS, BEFORE)  # int64[slot], of the newest sample
        self._received_at = np.zeros(_FIRST_SLOTS)  # float64[slot], Unix seconds

    def note(self, batch: Batch, at: float) -> None:
        """A batch arrived at Unix seconds; a sample that comes again keeps the time of its first arrival."""
        if not len(batch.refs):
            return
        slots = slots_of(batch.refs)
        with self._lock:
            self._reserve(int(slots.max()) + 1)
            before = self._times_ms[slots]
            np.maximum.at(self._times_ms, slots, batch.times_ms)
            newest = slots[(batch.times_ms > before) & (batch.times_ms == self._times_ms[slots])]
            self._received_at[newest] = at

    def received_at(self, samples: Sequence[RawSample | None]) -> list[float | None]:
        """Unix seconds when each sample arrived; None if it came from nowhere else, or a newer one followed it."""
        refs = [OVERFLOW_REF if sample is None else self._ref_of(sample.labels) or OVERFLOW_REF for sample in samples]
        times = [BEFORE if sample is None else round(sample.time * _MS_PER_S) for sample in samples]
        arrivals = self._arrivals_at(slots_of(np.array(refs, np.int64)), np.array(times, np.int64))
        return [None if np.isnan(arrival) else arrival for arrival in arrivals.tolist()]

    def _arrivals_at(self, slots: npt.NDArray[np.int64], times_ms: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        with self._lock:
            is_held = (slots != OVERFLOW_REF) & (slots < len(self._times_ms))
            held = np.where(is_held, slots, OVERFLOW_REF)
            is_newest = is_held & (self._times_ms[held] == times_ms)
            return np.where(is_newest, self._received_at[held], np.nan)

    def _reserve(self, slots: int) -> None:
        missing = slots - len(self._times_ms)
        if missing > 0:
            more = max(missing, len(self._times_ms))
            self._times_ms = np.concatenate([self._times_ms, np.full(more, BEFORE)])
            self._received_at = np.concatenate([self._received_at, np.zeros(more)])
