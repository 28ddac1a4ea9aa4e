"""Which traces show how things usually are: a fair sample of each minute, by service and name, bounded in bytes.

Of the requests of a minute that did not fail the eight whose trace ids end lowest are kept (a bottom-k sample; the end
of an id is its random part): the median of ten minutes is that of up to 80 durations. The trace of the lowest of each
minute is worth keeping: of ten of them one is near the median, however many requests there are.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from statistics import median
from typing import Final

from lapbell_evaluator.evidence.examples import Example

__all__ = ["TypicalRequests"]

_SLOT_S: Final = 60
_KEPT_PER_SLOT: Final = 8
_BYTES_PER_EXAMPLE: Final = 256
_RANDOM_DIGITS: Final = 16

_Key = tuple[int, str, str]


class TypicalRequests:
    """Keeps samples of requests that did not fail, the oldest minute going first.

    Args:
        budget_bytes: about how much memory it may take.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._slots: OrderedDict[_Key, list[Example]] = OrderedDict()
        self._most_slots = max(1, budget_bytes // (_KEPT_PER_SLOT * _BYTES_PER_EXAMPLE))
        self._shown: Counter[str] = Counter()

    def add(self, job: str, name: str, example: Example) -> None:
        """Note a request."""
        key = (int(example.time) // _SLOT_S, job, name)
        sample = self._slots.get(key)
        if sample is None:
            sample = self._slots[key] = []
            while len(self._slots) > self._most_slots:
                _, gone = self._slots.popitem(last=False)
                self._show(gone[:1], ())
        if len(sample) == _KEPT_PER_SLOT and _rank(example) >= _rank(sample[-1]):
            return
        if any(example.trace_id == other.trace_id for other in sample):
            return
        before = tuple(sample[:1])
        sample.append(example)
        sample.sort(key=_rank)
        del sample[_KEPT_PER_SLOT:]
        self._show(before, sample[:1])

    def nearest_to_median(self, job: str, name: str, start: float, end: float) -> tuple[str, ...]:
        """The ids of the sampled traces that ended in a window (Unix seconds), those about the median first."""
        minutes = range(int(start) // _SLOT_S, int(end) // _SLOT_S + 1)
        samples = (self._slots.get((minute, job, name), ()) for minute in minutes)
        within = [example for sample in samples for example in sample if start <= example.time <= end]
        if not within:
            return ()
        middle = median(example.duration_s for example in within)
        within.sort(key=lambda example: (abs(example.duration_s - middle), example.trace_id))
        return tuple(example.trace_id for example in within)

    def shows(self, trace_id: str) -> bool:
        """Whether a trace is the one to be kept of its minute."""
        return trace_id in self._shown

    def _show(self, before: Sequence[Example], after: Sequence[Example]) -> None:
        self._shown.update(example.trace_id for example in after)
        for example in before:
            self._shown[example.trace_id] -= 1
            if not self._shown[example.trace_id]:
                del self._shown[example.trace_id]


def _rank(example: Example) -> tuple[str, str]:
    return (example.trace_id[-_RANDOM_DIGITS:], example.trace_id)
