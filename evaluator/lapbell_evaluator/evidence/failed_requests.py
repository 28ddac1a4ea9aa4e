"""Which requests failed: a fair sample of each quarter of a minute, by service and route, bounded in bytes.

Of any number of failures the 32 whose trace ids hash lowest are kept (a bottom-k sample): it is uniform, the same in
whatever order spans arrive, and a share that is read from it is wrong by 9 points at most in two of three cases.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

__all__ = ["FailedRequest", "FailedRequests"]

_SLOT_S: Final = 15
_KEPT_PER_SLOT: Final = 32
_BYTES_PER_REQUEST: Final = 320

_Key = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that failed.

    Attributes:
        time: Unix seconds of its end.
        trace_id: 32 hex digits.
        span_id: of its SERVER span.
        weight: how many failures it stands for.
    """

    time: float
    trace_id: str
    span_id: str
    weight: float = 1.0


@dataclass(slots=True)
class _Slot:
    """The sample of fifteen seconds, by hash, and how many failures it is of."""

    requests: dict[bytes, FailedRequest] = field(default_factory=dict)
    failures: int = 0


class FailedRequests:
    """Keeps samples of failures, the oldest quarter of a minute going first.

    Args:
        budget_bytes: about how much memory it may take.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._slots: OrderedDict[_Key, _Slot] = OrderedDict()
        self._most_slots = max(1, budget_bytes // (_KEPT_PER_SLOT * _BYTES_PER_REQUEST))

    def add(self, job: str, route: str, request: FailedRequest) -> None:
        """Note a failure."""
        key = (int(request.time) // _SLOT_S, job, route)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot()
            while len(self._slots) > self._most_slots:
                self._slots.popitem(last=False)
        slot.failures += 1
        slot.requests[blake2b(f"{request.trace_id}{request.span_id}".encode(), digest_size=8).digest()] = request
        if len(slot.requests) > _KEPT_PER_SLOT:
            del slot.requests[max(slot.requests)]

    def sample(self, job: str, route: str, start: float, end: float) -> tuple[FailedRequest, ...]:
        """Failures that ended between `start` and `end` (Unix seconds), each with the number that it stands for."""
        slots = (
            self._slots.get((number, job, route)) for number in range(int(start) // _SLOT_S, int(end) // _SLOT_S + 1)
        )
        return tuple(
            FailedRequest(request.time, request.trace_id, request.span_id, slot.failures / len(slot.requests))
            for slot in slots
            if slot is not None
            for _, request in sorted(slot.requests.items())
            if start <= request.time <= end
        )
