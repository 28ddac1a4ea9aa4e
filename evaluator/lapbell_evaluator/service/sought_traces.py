"""What is found, and what is written, of the traces of one incident."""

from dataclasses import dataclass, field
from typing import Final

from lapbell_evaluator.evidence import MOST_KEPT_BYTES, bounded, scrubbed, size_of
from lapbell_evaluator.model import Incident, IncidentTrace, Trace, TraceRole

__all__ = ["SoughtTraces"]

_NAMED: Final = 5
_BETWEEN: Final = 10
_EARLIER: Final = 5
_MOST_BYTES: Final = 4 * MOST_KEPT_BYTES
"""Of all traces of an incident, as memory counts them."""


@dataclass(slots=True)
class SoughtTraces:
    """The traces of an incident, from its firing until its evidence grows no more.

    Attributes:
        incident: as it was last seen.
        began_at: Unix seconds when it fired.
        first_named: the ids that its evidence named when it fired.
        once_named: ids that its evidence has named since: a message that was sent meanwhile links to them.
        examples: what was found of the traces that its evidence names, by id.
        normal: how it was before; None until one was found.
        earlier: what is kept from an earlier time that it fired, the oldest first; None until that is known.
        written: how many spans of each trace are written.
        tried_at: Unix seconds when they were last written, or that was tried.
    """

    incident: Incident
    began_at: float
    first_named: tuple[str, ...] = ()
    once_named: tuple[str, ...] = ()
    examples: dict[str, Trace] = field(default_factory=dict)
    normal: Trace | None = None
    earlier: tuple[tuple[str, TraceRole], ...] | None = None
    written: dict[str, int] = field(default_factory=dict)
    tried_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.first_named = self.named()

    def follow(self, incident: Incident) -> None:
        """Take the incident as it is now."""
        self.once_named = tuple(dict.fromkeys((*self.once_named, *_named(incident))))[:_BETWEEN]
        self.incident = incident

    def named(self) -> tuple[str, ...]:
        """The ids of the traces to be kept, the worst first: five of the evidence, five of the first, ten between."""
        return tuple(dict.fromkeys((*_named(self.incident), *self.first_named, *self.once_named)))

    def seen(self, trace: Trace) -> None:
        """Take what memory holds of an example, if that is more than before."""
        known = self.examples.get(trace.trace_id)
        if known is None or _spans(trace) > _spans(known):
            self.examples[trace.trace_id] = bounded(trace)  # memory forgets the rest in its own time

    def has_earlier_normal(self) -> bool:
        """Whether one is there from an earlier time that it fired: what came since may be no baseline."""
        return any(role is TraceRole.NORMAL for _, role in self.earlier or ())

    def stay(self) -> tuple[str, ...]:
        """The ids of what is kept from earlier times that it fired: the normal one, and the last examples."""
        earlier = self.earlier or ()
        normal = [trace_id for trace_id, role in earlier if role is TraceRole.NORMAL]
        examples = [trace_id for trace_id, role in earlier if role is TraceRole.EXAMPLE]
        return tuple(trace_id for trace_id in (*normal, *examples[-_EARLIER:]) if trace_id not in self._found())

    def unwritten(self) -> int:
        """How many traces were found, or have grown, since they were written."""
        return sum(self.written.get(trace_id) != _spans(trace) for trace_id, trace in self._found().items())

    def wrote(self) -> int:
        """Note that all of it is written; how many traces are new."""
        found = self._found()
        new = len(found.keys() - self.written.keys())
        self.written = {trace_id: _spans(trace) for trace_id, trace in found.items()}
        return new

    def kept(self, at: float) -> list[IncidentTrace]:
        """All of it as it may be kept: scrubbed, and of all spans as many as fit, the normal trace and the worst first.

        Args:
            at: Unix seconds of now.
        """
        kept: list[IncidentTrace] = []
        left = _MOST_BYTES
        for trace in self._found().values():
            whole = bounded(trace, most_bytes=min(left, MOST_KEPT_BYTES))
            left -= sum(map(size_of, whole.spans))
            role = TraceRole.NORMAL if trace is self.normal else TraceRole.EXAMPLE
            kept.append(IncidentTrace(self.incident.id, role, at, scrubbed(whole)))
        return kept

    def _found(self) -> dict[str, Trace]:
        """By id, the normal one first; it is worth nothing where there is no example to stand beside."""
        examples = [self.examples[trace_id] for trace_id in self.named() if trace_id in self.examples]
        normal = [self.normal] if self.normal is not None and examples else []
        return {trace.trace_id: trace for trace in (*normal, *examples)}


def _named(incident: Incident) -> tuple[str, ...]:
    return incident.evidence.trace_ids[:_NAMED] if incident.evidence else ()


def _spans(trace: Trace) -> int:
    return len(trace.spans) + trace.cut
