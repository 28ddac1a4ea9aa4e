"""Dead letters: outbox rows that their receiver refuses for ever; they stay as long as their incident, or wait anew."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from lapbell_evaluator.database import tables
from lapbell_evaluator.model import AuditEntry, DeadLetter, Page, Reason, State

__all__ = ["count", "page", "replay"]

_OUTBOX: Final = tables.outbox.c


def count(connection: Connection, receiver: str) -> int:
    """How many there are of a receiver."""
    query = select(func.count()).select_from(tables.outbox)
    return connection.execute(query.where(_OUTBOX.receiver == receiver, _OUTBOX.refused_at.is_not(None))).scalar_one()


def page(connection: Connection, limit: int, before: int | None) -> Page[DeadLetter]:
    """Dead letters of all receivers, the newest first.

    Args:
        connection: to the database.
        limit: how many at most.
        before: `next` of the page before.
    """
    transitions = tables.transitions.c
    query = (
        select(_OUTBOX.id, _OUTBOX.receiver, _OUTBOX.transition_id, _OUTBOX.attempts, _OUTBOX.first_attempt_at)
        .add_columns(_OUTBOX.refused_at, _OUTBOX.refused_status, _OUTBOX.delivered_at, _OUTBOX.last_error)
        .add_columns(transitions.incident_key, transitions.state, transitions.reason, transitions.at)
        .join(tables.transitions, transitions.id == _OUTBOX.transition_id)
        .where(_OUTBOX.refused_at.is_not(None))
        .where(transitions.state.in_([*State]), transitions.reason.in_([*Reason]))  # others are damaged
        .order_by(_OUTBOX.id.desc())
    )
    if before is not None:
        query = query.where(_OUTBOX.id < before)
    rows = connection.execute(query.limit(limit)).all()
    letters = tuple(
        DeadLetter(
            id=row.id,
            receiver=row.receiver,
            transition=row.transition_id,
            incident_key=row.incident_key,
            what=State(row.state),
            reason=Reason(row.reason),
            at=row.at,
            attempts=row.attempts,
            sent_at=row.first_attempt_at,
            refused_at=row.refused_at,
            is_doubtful=row.delivered_at is not None,
            status=row.refused_status or "",
            error=row.last_error or "",
        )
        for row in rows
    )
    return Page(letters, rows[-1].id if len(rows) == limit else None)


def replay(connection: Connection, ids: Sequence[int] | None, audit: AuditEntry) -> int:
    """Have dead letters delivered once more, in the order in which they were written; returns how many.

    Args:
        connection: to the database.
        ids: which; None for all.
        audit: who wants it, written with it.
    """
    mark = update(tables.outbox).where(_OUTBOX.refused_at.is_not(None))
    if ids is not None:
        mark = mark.where(_OUTBOX.id.in_(ids))
    # One attempt was made: what was over before it would not be told at all.
    waiting = mark.values(refused_at=None, refused_status=None, delivered_at=None, message=None, attempts=1)
    replayed = len(connection.execute(waiting.returning(_OUTBOX.id)).all())
    row = {"at": audit.at, "actor": audit.actor, "action": audit.action, "target": audit.target, "reason": audit.why}
    connection.execute(insert(tables.audit).values(row))
    return replayed
