"""The deliveries of the notices of incidents: attempts, times, errors."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from lapbell_evaluator.database import tables
from lapbell_evaluator.model import DeliveryView, Reason, State

__all__ = ["AT_ONCE", "deliveries"]

AT_ONCE: Final = 500
"""Most incidents of one query; between two queries other work on the database gets its turn."""


def deliveries(connection: Connection, keys: Mapping[str, str]) -> dict[str, tuple[DeliveryView, ...]]:
    """The outbox rows of incidents, by incident, in the order of writing.

    Args:
        connection: to the database.
        keys: of at most `AT_ONCE` incidents, by their ids.
    """
    transitions, outbox = tables.transitions.c, tables.outbox.c
    rows = connection.execute(
        select(transitions.incident_id, transitions.id, transitions.state, transitions.reason, transitions.at)
        .add_columns(outbox.receiver, outbox.attempts, outbox.first_attempt_at, outbox.delivered_at, outbox.last_error)
        .add_columns(outbox.refused_at, outbox.dropped_at)
        .join(tables.outbox, outbox.transition_id == transitions.id)
        .where(transitions.incident_key.in_([*set(keys.values())]))  # the index is by key
        .where(transitions.incident_id.in_([*keys]))
        .where(transitions.state.in_([*State]), transitions.reason.in_([*Reason]))  # others are damaged
        .order_by(outbox.id)
    )
    views_of: dict[str, list[DeliveryView]] = {}
    for row in rows:
        view = DeliveryView(
            transition=row.id,
            what=State(row.state),
            reason=Reason(row.reason),
            at=row.at,
            receiver=row.receiver,
            attempts=row.attempts,
            sent_at=row.first_attempt_at,
            delivered_at=row.delivered_at,
            error=row.last_error or "",
            refused_at=row.refused_at,
            dropped_at=row.dropped_at,
        )
        views_of.setdefault(row.incident_id, []).append(view)
    return {incident: tuple(views) for incident, views in views_of.items()}
