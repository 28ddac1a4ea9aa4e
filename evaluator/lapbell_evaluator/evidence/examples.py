"""Which traces show a slow or failing thing best: an index by service and name, bounded in bytes.

It outlives the traces themselves: an id costs little, and the trace can be read where all traces are kept.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Example", "Examples", "worst_first"]

_SLOT_S: Final = 15
_KEPT_PER_SLOT: Final = 4
_SHOWN_PER_SLOT: Final = 2
_BYTES_PER_EXAMPLE: Final = 256

_Key = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """A request or an operation that ended.

    Attributes:
        time: Unix seconds of its end.
        duration_s: seconds it took.
        failed: it was an error.
        trace_id: 32 hex digits.
    """

    time: float
    duration_s: float
    failed: bool
    trace_id: str


@dataclass(slots=True)
class _Slot:
    """The worst of fifteen seconds: slowest first, and the slowest of those that failed."""

    slowest: list[Example] = field(default_factory=list)
    failed: list[Example] = field(default_factory=list)


class Examples:
    """Keeps the worst of every quarter of a minute, the oldest quarter going first.

    Args:
        budget_bytes: about how much memory it may take.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._slots: OrderedDict[_Key, _Slot] = OrderedDict()
        self._most_slots = max(1, budget_bytes // (2 * _KEPT_PER_SLOT * _BYTES_PER_EXAMPLE))
        self._shown: Counter[str] = Counter()

    def add(self, job: str, name: str, example: Example) -> None:
        """Keep an example if it is among the worst of its time."""
        key = (int(example.time) // _SLOT_S, job, name)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot()
            while len(self._slots) > self._most_slots:
                _, gone = self._slots.popitem(last=False)
                self._show((*gone.slowest[:_SHOWN_PER_SLOT], *gone.failed[:_SHOWN_PER_SLOT]), ())
        self._keep(slot.slowest, example)
        if example.failed:
            self._keep(slot.failed, example)

    def shows(self, trace_id: str) -> bool:
        """Whether a trace is one of the two worst of its time, as far as that is known still."""
        return trace_id in self._shown

    def worst(self, job: str, name: str, start: float, end: float, *, failed: bool, limit: int) -> tuple[Example, ...]:
        """The slowest that ended between `start` and `end` (Unix seconds), only failed ones if so asked."""
        slots = (self._slots.get((slot, job, name)) for slot in range(int(start) // _SLOT_S, int(end) // _SLOT_S + 1))
        examples = [
            example
            for slot in slots
            if slot is not None
            for example in (slot.failed if failed else slot.slowest)
            if start <= example.time <= end
        ]
        return worst_first(examples)[:limit]

    def _keep(self, worst: list[Example], example: Example) -> None:
        if len(worst) == _KEPT_PER_SLOT and _by_duration(example) >= _by_duration(worst[-1]):
            return
        before = tuple(worst[:_SHOWN_PER_SLOT])
        worst[:] = worst_first([*worst, example])[:_KEPT_PER_SLOT]
        self._show(before, worst[:_SHOWN_PER_SLOT])

    def _show(self, before: Sequence[Example], after: Sequence[Example]) -> None:
        self._shown.update(example.trace_id for example in after)
        for example in before:
            self._shown[example.trace_id] -= 1
            if not self._shown[example.trace_id]:
                del self._shown[example.trace_id]


def worst_first(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The slowest first, of each trace the slowest alone."""
    by_trace: dict[str, Example] = {}
    for example in sorted(examples, key=_by_duration):
        by_trace.setdefault(example.trace_id, example)
    return tuple(by_trace.values())


def _by_duration(example: Example) -> tuple[float, str]:
    return (-example.duration_s, example.trace_id)
