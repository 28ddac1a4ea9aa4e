"""Notices as the outbox has them: those that wait for a receiver, and what it was told last."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, or_, select, type_coerce, update
from sqlalchemy.types import NullType

from lapbell_evaluator.damage import DamageLog
from lapbell_evaluator.database import payloads, tables
from lapbell_evaluator.database.quarantine import readable
from lapbell_evaluator.database.writing import dropped
from lapbell_evaluator.model import Notice, State

__all__ = ["drop_others", "told", "waiting"]

_OUTBOX: Final = tables.outbox.c
_TRANSITIONS: Final = tables.transitions.c
_IS_WAITING: Final = and_(_OUTBOX.delivered_at.is_(None), _OUTBOX.refused_at.is_(None), _OUTBOX.dropped_at.is_(None))
_NO_MORE: Final = "There is no such receiver any more."
_OPEN: Final = (State.PENDING, State.FIRING, State.RECOVERING, State.HELD)


def waiting(
    connection: Connection, receiver: str, limit: int, damage: DamageLog, damaged: dict[int, str]
) -> tuple[Notice, ...]:
    """The notices of a receiver that were neither delivered, refused nor dropped, the oldest first.

    Args:
        connection: to the database.
        receiver: its name.
        limit: how many at most.
        damage: where rows that cannot be read are noted.
        damaged: gets what to say of each of them, by its number.
    """
    query = _notices(receiver).where(_IS_WAITING).order_by(_OUTBOX.id).limit(limit)
    return _read(connection, query, receiver, damage, damaged)


def told(connection: Connection, receiver: str, damage: DamageLog) -> tuple[Notice, ...]:
    """The last notice that a receiver took of each incident whose end it has not heard of, and still may.

    Args:
        connection: to the database.
        receiver: its name.
        damage: where rows that cannot be read are noted.
    """
    # Of what is over and settled nothing is told any more, and there may be a year of it.
    open_ones = select(tables.incidents.c.id).where(tables.incidents.c.state.in_(_OPEN))
    waiting_ones = select(_TRANSITIONS.incident_id).join(
        tables.outbox, (_OUTBOX.transition_id == _TRANSITIONS.id) & (_OUTBOX.receiver == receiver) & _IS_WAITING
    )
    # A rise that it refused is not what it knows: the end of the warning that it took is still to be told.
    is_settled = or_(_OUTBOX.refused_at.is_not(None), _OUTBOX.dropped_at.is_not(None))
    is_settled_end = (_TRANSITIONS.state == State.RESOLVED) & is_settled
    last = (
        select(func.max(_OUTBOX.id))
        .join(tables.transitions, _TRANSITIONS.id == _OUTBOX.transition_id)
        .where(_OUTBOX.receiver == receiver)
        .where(or_(_TRANSITIONS.incident_id.in_(open_ones), _TRANSITIONS.incident_id.in_(waiting_ones)))
        .where(or_(_OUTBOX.delivered_at.is_not(None), is_settled_end))
        .group_by(_TRANSITIONS.incident_id)
    )
    is_known = _OUTBOX.delivered_at.is_not(None) & (_TRANSITIONS.state != State.RESOLVED)
    query = _notices(receiver).where(_OUTBOX.id.in_(last), is_known).order_by(_OUTBOX.id)
    return _read(connection, query, receiver, damage, {})


def drop_others(connection: Connection, receivers: Sequence[str], now: float) -> int:
    """Drop what waits for receivers that there are no more; returns how many notices that were.

    Args:
        connection: to the database.
        receivers: the names of those that there are.
        now: Unix seconds.
    """
    gone = update(tables.outbox).where(_OUTBOX.receiver.not_in(receivers), _IS_WAITING)
    return connection.execute(gone.values(**dropped(now, _NO_MORE))).rowcount


def _notices(receiver: str) -> Select[Any]:
    return (
        select(_OUTBOX.id, _OUTBOX.attempts, _OUTBOX.message, _OUTBOX.last_sent_at, _TRANSITIONS.id.label("move"))
        .add_columns(type_coerce(_TRANSITIONS.payload, NullType()).label("payload"))
        .join(tables.transitions, _TRANSITIONS.id == _OUTBOX.transition_id)
        .where(_OUTBOX.receiver == receiver)
    )


def _read(
    connection: Connection, query: Select[Any], receiver: str, damage: DamageLog, damaged: dict[int, str]
) -> tuple[Notice, ...]:
    notices = []
    for row in connection.execute(query):
        transition = readable(payloads.transition, row.payload, f"transitions {row.move}", damage)
        if transition is None:
            damaged[row.id] = f"The stored transition {row.move} is damaged."
        else:
            notices.append(Notice(row.id, receiver, transition, row.attempts, row.message or "", row.last_sent_at))
    return tuple(notices)
