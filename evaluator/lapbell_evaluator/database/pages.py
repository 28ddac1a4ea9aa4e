"""The history and the audit, read backwards, a page at a time: no page keeps the database from writing for long."""

from typing import Final

from sqlalchemy import Connection, select

from lapbell_evaluator.database import payloads, tables
from lapbell_evaluator.model import AuditEntry, HistoryQuery, Page, Transition

__all__ = ["audit", "history"]

_LOOKED_AT: Final = 10_000
_SET_BACK_S: Final = 86_400.0
"""Rows are in the order of writing; a clock that was set back by no more than a day hides none of them."""


def history(connection: Connection, wanted: HistoryQuery) -> Page[Transition]:
    """The newest transitions that are wanted, among the next ten thousand."""
    kept = tables.transitions.c
    query = select(kept.seq, kept.at, kept.state, kept.actor, kept.payload).order_by(kept.seq.desc()).limit(_LOOKED_AT)
    if wanted.key is not None:
        query = query.where(kept.incident_key == wanted.key)
    if wanted.before is not None:
        query = query.where(kept.seq < wanted.before)
    found: list[Transition] = []
    count = 0
    for count, row in enumerate(connection.execute(query), start=1):
        if row.at < wanted.since - _SET_BACK_S:
            return Page(tuple(found))
        may_fit = (
            wanted.since <= row.at <= wanted.until and wanted.state in (None, row.state) and wanted.actor in row.actor
        )
        if may_fit and wanted.fits(transition := payloads.transition(row.payload)):
            found.append(transition)
        if len(found) == wanted.limit or count == _LOOKED_AT:
            return Page(tuple(found), row.seq)
    return Page(tuple(found))


def audit(connection: Connection, limit: int, before: int | None) -> Page[AuditEntry]:
    """The newest changes by hand."""
    kept = tables.audit.c
    query = select(kept.id, kept.at, kept.actor, kept.action, kept.target, kept.reason).order_by(kept.id.desc())
    if before is not None:
        query = query.where(kept.id < before)
    rows = connection.execute(query.limit(limit)).all()
    return Page(tuple(AuditEntry(*row[1:]) for row in rows), rows[-1].id if len(rows) == limit else None)
