"""The tasks that run longer than they may: their open spans are shown while they still run."""

from collections.abc import Callable, Mapping
from typing import Final

from lapbell import semconv
from lapbell.processor.open_trace import OpenTrace
from lapbell.tracing import ReadableSpan, attributes_of

__all__ = ["ActiveTasks"]

_NAMES: Final = (semconv.MESSAGING_SYSTEM, semconv.MESSAGING_DESTINATION_NAME, semconv.MESSAGING_OPERATION_NAME)


class ActiveTasks:
    """Knows the CONSUMER spans that run in this process.

    Args:
        timeouts_s: longest time that processing may take, by destination.
        snapshot: shows the open spans of a task, named by these attributes.
    """

    def __init__(
        self,
        timeouts_s: Mapping[str, float],
        snapshot: Callable[[OpenTrace, ReadableSpan, Mapping[str, str], int], None],
    ) -> None:
        self._timeouts_s = timeouts_s
        self._snapshot = snapshot
        self._running: dict[int, OpenTrace] = {}
        self._next_s: dict[int, float] = {}

    def begin(self, trace: OpenTrace) -> None:
        """A task has begun."""
        if self._timeouts_s:
            self._running[trace.root_id] = trace

    def end(self, trace: OpenTrace) -> None:
        """It has ended, or was lost; again does nothing."""
        if self._running.pop(trace.root_id, None) is not None:
            self._next_s.pop(trace.root_id, None)

    def clear(self) -> None:
        """Begin with nothing, as a child does after a fork."""
        self._running.clear()
        self._next_s.clear()

    def sweep(self, now_ns: int) -> None:
        """Show the tasks that have passed their timeout, and again whenever one has become twice as old."""
        for trace in list(self._running.values()):
            root = trace.root() if trace.root is not None else None
            if root is None:
                continue
            attributes = attributes_of(root)
            timeout_s = self._timeouts_s.get(str(attributes.get(semconv.MESSAGING_DESTINATION_NAME)))
            age_s = (now_ns - (root.start_time or now_ns)) / 1e9
            if timeout_s is None or age_s <= self._next_s.get(trace.root_id, timeout_s):
                continue
            self._next_s[trace.root_id] = 2 * age_s
            names: dict[str, str] = {name: str(attributes[name]) for name in _NAMES if name in attributes}
            self._snapshot(trace, root, names, now_ns)
