"""Spans by trace, bounded: the traces that were last added to, and for longer those that somebody may ask for."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lapbell_evaluator.model import Span

__all__ = ["MOST_SPANS", "HeldTrace", "TraceStore", "Use", "size_of"]

MOST_SPANS: Final = 2_000
"""Of a trace, in memory."""
_SPAN_BYTES: Final = 700
_PAIR_BYTES: Final = 130
_EVENT_BYTES: Final = 300


class Use(StrEnum):
    """What a trace is good for once others came after it."""

    WORST = "worst"
    TYPICAL = "typical"


@dataclass(slots=True)
class HeldTrace:
    """A trace in memory.

    Attributes:
        spans: by id; the same span sent twice is one.
        bytes: about how much memory they take.
        cut: how many spans were beyond the limit.
    """

    spans: dict[str, Span] = field(default_factory=dict)
    bytes: int = 0
    cut: int = 0


class _Area:
    """Traces within a number of bytes, the one that was added to longest ago going first."""

    def __init__(self, most_bytes: int) -> None:
        self.traces: OrderedDict[str, HeldTrace] = OrderedDict()
        self.bytes = 0
        self._most_bytes = most_bytes

    def put(self, trace_id: str, trace: HeldTrace) -> None:
        self.traces[trace_id] = trace
        self.bytes += trace.bytes

    def overflow(self) -> Iterator[tuple[str, HeldTrace]]:
        """What does not fit, taken out."""
        while self.bytes > self._most_bytes:
            trace_id, trace = self.traces.popitem(last=False)
            self.bytes -= trace.bytes
            yield trace_id, trace


class TraceStore:
    """Keeps spans by trace.

    Args:
        recent_bytes: about how much memory the traces take that were last added to.
        held_bytes: the same for those that are held longer, of each use.
    """

    def __init__(self, recent_bytes: int, held_bytes: int) -> None:
        self._recent = _Area(recent_bytes)
        self._held = {use: _Area(held_bytes) for use in Use}

    def keep(self, span: Span) -> bool:
        """Add a span to its trace; False if it is there already, or the trace has as many as it may."""
        area, trace = self._place(span.trace_id)
        if span.span_id in trace.spans:
            return False
        if len(trace.spans) >= MOST_SPANS:
            trace.cut += 1
            return False
        area.traces.move_to_end(span.trace_id)
        trace.spans[span.span_id] = span
        size = size_of(span)
        trace.bytes += size
        area.bytes += size
        return True

    def trim(self, use_of: Callable[[str], Use | None]) -> None:
        """Let traces go where memory is short; those that `use_of` finds a use for are held longer."""
        for trace_id, trace in self._recent.overflow():
            use = use_of(trace_id)
            if use is not None:
                self._held[use].put(trace_id, trace)
        for area in self._held.values():
            for _ in area.overflow():
                pass

    def held(self, trace_id: str) -> HeldTrace | None:
        """A trace by id; None if it is not in memory."""
        for area in (self._recent, *self._held.values()):
            if (trace := area.traces.get(trace_id)) is not None:
                return trace
        return None

    def newest_first(self) -> Iterator[HeldTrace]:
        """The recent traces, those that were last added to first."""
        return reversed(self._recent.traces.values())

    def _place(self, trace_id: str) -> tuple[_Area, HeldTrace]:
        for area in (self._recent, *self._held.values()):
            if (trace := area.traces.get(trace_id)) is not None:
                return area, trace
        trace = HeldTrace()
        self._recent.put(trace_id, trace)
        return self._recent, trace


def size_of(span: Span) -> int:
    """About how many bytes of memory a span takes."""
    pairs = (*span.attributes, *(pair for event in span.events for pair in event.attributes))
    texts = sum(_PAIR_BYTES + len(value) for _, value in pairs)
    return _SPAN_BYTES + len(span.name) + texts + len(span.events) * _EVENT_BYTES
