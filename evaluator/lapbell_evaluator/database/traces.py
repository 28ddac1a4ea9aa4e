"""Traces that are kept with incidents: written after the alert's own rows, and never in their way."""

import asyncio
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select, type_coerce
from sqlalchemy.types import NullType

from lapbell_evaluator.damage import DamageLog
from lapbell_evaluator.database import payloads, tables
from lapbell_evaluator.database.quarantine import readable
from lapbell_evaluator.database.writer import Writer
from lapbell_evaluator.model import IncidentTrace, TraceRole

__all__ = ["IncidentTraces"]

_Row = dict[str, object]
_TRACES = tables.traces.c


class IncidentTraces:
    """The traces of all incidents.

    Args:
        writer: of the database.
        damage: is told of rows that cannot be read.
    """

    def __init__(self, writer: Writer, damage: DamageLog) -> None:
        self._writer = writer
        self._damage = damage

    async def put(self, incident_id: str, kept: Sequence[IncidentTrace], stay: Collection[str] = ()) -> None:
        """Have these traces with an incident, and of those that are there only the ones that stay.

        Args:
            incident_id: of the incident.
            kept: in the order of writing.
            stay: ids of traces that are there.

        Raises:
            DatabaseError: nothing was written, and nothing waits to be.
        """
        rows = await asyncio.to_thread(_packed, kept)
        await self._writer.transact(lambda connection: _put(connection, incident_id, rows, stay))

    async def of_trace(self, trace_id: str) -> tuple[IncidentTrace, ...]:
        """A trace as each of its incidents keeps it, in the order of writing; what is damaged is left out.

        Raises:
            UnavailableError: the database cannot be asked now.
        """
        return await self._writer.read(lambda connection: _of_trace(connection, trace_id, self._damage))

    async def of_incident(self, incident_id: str) -> tuple[tuple[str, TraceRole], ...]:
        """The ids of the traces that are kept with an incident, in the order of writing, and what each one shows.

        Raises:
            UnavailableError: the database cannot be asked now.
        """
        return await self._writer.read(lambda connection: _of_incident(connection, incident_id))


def _packed(traces: Iterable[IncidentTrace]) -> list[_Row]:
    """The rows of traces: packing takes milliseconds each, and the thread that writes has alerts to write."""
    return [
        {
            "incident_id": kept.incident_id,
            "trace_id": kept.trace.trace_id,
            "role": kept.role,
            "at": kept.at,
            "payload": payloads.pack_trace(kept.trace),
        }
        for kept in traces
    ]


def _put(connection: Connection, incident_id: str, rows: Sequence[_Row], stay: Collection[str]) -> None:
    goes = _TRACES.incident_id == incident_id, _TRACES.trace_id.not_in(stay)
    connection.execute(delete(tables.traces).where(*goes))
    if rows:
        connection.execute(insert(tables.traces), rows)


def _of_trace(connection: Connection, trace_id: str, damage: DamageLog) -> tuple[IncidentTrace, ...]:
    query = (
        select(_TRACES.id, _TRACES.incident_id, _TRACES.role, _TRACES.at)
        .add_columns(type_coerce(_TRACES.payload, NullType()).label("payload"))
        .where(_TRACES.trace_id == trace_id, _TRACES.role.in_([*TraceRole]))
        .order_by(_TRACES.id)
    )
    rows = [
        (row, readable(payloads.trace, row.payload, f"traces {row.id}", damage)) for row in connection.execute(query)
    ]
    return tuple(
        IncidentTrace(row.incident_id, TraceRole(row.role), row.at, trace) for row, trace in rows if trace is not None
    )


def _of_incident(connection: Connection, incident_id: str) -> tuple[tuple[str, TraceRole], ...]:
    query = (
        select(_TRACES.trace_id, _TRACES.role)
        .where(_TRACES.incident_id == incident_id, _TRACES.role.in_([*TraceRole]))
        .order_by(_TRACES.id)
    )
    return tuple((row.trace_id, TraceRole(row.role)) for row in connection.execute(query))
