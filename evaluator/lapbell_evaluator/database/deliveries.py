"""What became of the notices of incidents."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, select

from lapbell_evaluator.database import tables
from lapbell_evaluator.model import DeliveryView, Reason, State

__all__ = ["AT_ONCE", "deliveries"]

AT_ONCE: Final = 500
"""So many incidents in one question: others may use the database in between."""


def deliveries(connection: Connection, keys: Mapping[str, str]) -> dict[str, tuple[DeliveryView, ...]]:
    """The outbox rows of incidents, by incident, in the order of writing.

    Args:
        connection: to the database.
        keys: of at most `AT_ONCE` incidents, by their ids.
    """
    moved, kept = tables.transitions.c, tables.outbox.c
    rows = connection.execute(
        select(moved.incident_id, moved.id, moved.state, moved.reason, moved.at)
        .add_columns(kept.receiver, kept.attempts, kept.first_attempt_at, kept.delivered_at, kept.last_error)
        .join(tables.outbox, kept.transition_id == moved.id)
        .where(moved.incident_key.in_([*set(keys.values())]), moved.incident_id.in_([*keys]))  # the index is by key
        .order_by(kept.id)
    )
    found: dict[str, list[DeliveryView]] = {}
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
        )
        found.setdefault(row.incident_id, []).append(view)
    return {incident: tuple(views) for incident, views in found.items()}
