"""The history and the audit, read backwards, a page at a time: no page keeps the database from writing for long."""

from typing import Any, Final

from sqlalchemy import Connection, Row, select, type_coerce
from sqlalchemy.types import NullType

from lapbell_evaluator.damage import DamageLog
from lapbell_evaluator.database import payloads, tables
from lapbell_evaluator.database.quarantine import readable
from lapbell_evaluator.model import AuditEntry, HistoryQuery, Page, Transition

__all__ = ["audit", "history"]

_LOOKED_AT: Final = 10_000
_SET_BACK_S: Final = 86_400.0
"""Rows are in the order of writing; a clock that was set back by no more than a day hides none of them."""


def history(connection: Connection, query: HistoryQuery, damage: DamageLog) -> Page[Transition]:
    """The newest transitions that match the query, among the next ten thousand rows."""
    transitions = tables.transitions.c
    statement = (
        select(transitions.seq, transitions.at, transitions.state, transitions.actor)
        .add_columns(transitions.id, type_coerce(transitions.payload, NullType()).label("payload"))
        .order_by(transitions.seq.desc())
        .limit(_LOOKED_AT)
    )
    if query.key is not None:
        statement = statement.where(transitions.incident_key == query.key)
    if query.before is not None:
        statement = statement.where(transitions.seq < query.before)
    matching: list[Transition] = []
    count = 0
    for count, row in enumerate(connection.execute(statement), start=1):
        if row.at < query.since - _SET_BACK_S:
            return Page(tuple(matching))
        may_fit = query.since <= row.at <= query.until and query.state in (None, row.state) and query.actor in row.actor
        transition = _transition(row, damage) if may_fit else None
        if transition is not None and query.fits(transition):
            matching.append(transition)
        if len(matching) == query.limit or count == _LOOKED_AT:
            return Page(tuple(matching), row.seq)
    return Page(tuple(matching))


def _transition(row: Row[Any], damage: DamageLog) -> Transition | None:
    return readable(payloads.transition, row.payload, f"transitions {row.id}", damage)


def audit(connection: Connection, limit: int, before: int | None) -> Page[AuditEntry]:
    """The newest changes by hand."""
    audit_log = tables.audit.c
    query = select(
        audit_log.id, audit_log.at, audit_log.actor, audit_log.action, audit_log.target, audit_log.reason
    ).order_by(audit_log.id.desc())
    if before is not None:
        query = query.where(audit_log.id < before)
    rows = connection.execute(query.limit(limit)).all()
    return Page(tuple(AuditEntry(*row[1:]) for row in rows), rows[-1].id if len(rows) == limit else None)
