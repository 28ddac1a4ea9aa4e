"""Traces for people: what memory has of one, and what is kept with incidents."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lapbell_evaluator.evidence import RecentTraces, scrubbed
from lapbell_evaluator.model import IncidentTrace, StorageError, Trace, TraceRole, TraceView

__all__ = ["TraceLibrary"]


class KeptTraces(Protocol):
    """Where traces are kept with incidents."""

    async def of_trace(self, trace_id: str) -> Sequence[IncidentTrace]:
        """A trace as each of its incidents keeps it; raises StorageError."""
        ...

    async def of_incident(self, incident_id: str) -> Sequence[tuple[str, TraceRole]]:
        """The ids of the traces that are kept with an incident; raises StorageError."""
        ...


@dataclass(frozen=True, slots=True)
class TraceLibrary:
    """Finds traces.

    Attributes:
        recent: those in memory.
        kept: those of incidents.
    """

    recent: RecentTraces
    kept: KeptTraces

    async def trace(self, trace_id: str) -> TraceView | None:
        """A trace with every span that is known of it, scrubbed; None if none is.

        Raises:
            StorageError: memory has nothing, and the database cannot be asked.
        """
        recent = await asyncio.to_thread(self.recent.trace, trace_id)
        try:
            kept = await self.kept.of_trace(trace_id)
        except StorageError:
            if recent is None:
                raise
            kept = ()
        if recent is None and not kept:
            return None
        trace = await asyncio.to_thread(_whole, trace_id, recent, kept)
        return TraceView(trace, tuple((each.incident_id, each.role) for each in kept), is_recent=recent is not None)

    async def of_incident(self, incident_id: str) -> Sequence[tuple[str, TraceRole]]:
        """The ids of the traces that are kept with an incident, and what each one shows; none if that is not known."""
        try:
            return await self.kept.of_incident(incident_id)
        except StorageError:
            return ()


def _whole(trace_id: str, recent: Trace | None, kept: Sequence[IncidentTrace]) -> Trace:
    whole = Trace(trace_id, ()) if recent is None else scrubbed(recent)
    for each in kept:
        whole = whole.with_spans_of(each.trace)
    return whole
