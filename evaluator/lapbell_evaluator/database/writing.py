"""How a change is written: upserts by executemany, in one transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from sqlalchemy import ColumnElement, Connection, Executable, Table, delete, func, insert, or_, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.expression import bindparam

from lapbell_evaluator.database import payloads, tables
from lapbell_evaluator.model import Alert, AuditEntry, Change, Incident, Silence, Transition, fingerprint

__all__ = ["Mark", "NoticeKey", "delivered", "dropped", "failed", "mark", "refused", "sending", "write"]

Row = dict[str, object]
NoticeKey = tuple[str, str]
"""The receiver's name and the id of the transition: what a notice is known by before it has a row."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is noted of notices.

    Attributes:
        ids: of those that were read from the outbox.
        keys: of those that had no row yet.
        values: by column.
    """

    ids: tuple[int, ...]
    keys: tuple[NoticeKey, ...]
    values: Mapping[str, ColumnElement[object] | float | str | None]


def sending(at: float, message: str) -> Mapping[str, ColumnElement[object] | float | str | None]:
    """Delivery is tried at Unix seconds in the message of this key; the time of the first attempt stays."""
    outbox = tables.outbox.c
    first = func.coalesce(outbox.first_attempt_at, at)
    return {"attempts": outbox.attempts + 1, "first_attempt_at": first, "message": message}


def delivered(at: float) -> Mapping[str, ColumnElement[object] | float | str | None]:
    """The receiver has taken them at Unix seconds; the time of the first success stays."""
    return {"delivered_at": func.coalesce(tables.outbox.c.delivered_at, at), "last_sent_at": at, "last_error": None}


def failed(error: str, *, may_have_arrived: bool) -> Mapping[str, ColumnElement[object] | float | str | None]:
    """The receiver has not; what surely did not arrive may be sent in another message the next time."""
    return {"last_error": error} if may_have_arrived else {"last_error": error, "message": None}


def dropped(at: float, why: str) -> Mapping[str, ColumnElement[object] | float | str | None]:
    """Nobody will be told of them, since Unix seconds."""
    return {"dropped_at": at, "last_error": why}


def refused(at: float, status: str, error: str) -> Mapping[str, ColumnElement[object] | float | str | None]:
    """The receiver never will, since Unix seconds: it answered with this status, and what that means to people."""
    return {"refused_at": at, "refused_status": status, "last_error": error}


def mark(connection: Connection, noted: Mark) -> None:
    """Write what is noted of notices."""
    outbox = tables.outbox.c
    of_key = tuple_(outbox.receiver, outbox.transition_id)
    rows = or_(outbox.id.in_(noted.ids), of_key.in_(noted.keys)) if noted.keys else outbox.id.in_(noted.ids)
    connection.execute(update(tables.outbox).where(rows).values(**noted.values))


def write(connection: Connection, change: Change, notices: Iterable[NoticeKey]) -> None:
    """Write a change, and one outbox row for each notice."""
    _upsert(connection, tables.alerts, [_alert(alert) for alert in change.alerts])
    _upsert(connection, tables.incidents, [_incident(incident) for incident in change.incidents])
    _upsert(connection, tables.rule_groups, [{"name": name, "last_evaluated_at": at} for name, at in change.watched])
    _upsert(connection, tables.silences, [_silence(silence) for silence in change.silences])
    if change.gone:
        alerts = tables.alerts.c
        drop = delete(tables.alerts).where(alerts.rule == bindparam("r"), alerts.fingerprint == bindparam("f"))
        connection.execute(drop, [{"r": rule, "f": fingerprint(labels)} for rule, labels in change.gone])
    if change.transitions:
        connection.execute(insert(tables.transitions), [_transition(transition) for transition in change.transitions])
    waiting = [_notice(receiver, transition) for receiver, transition in notices]
    if waiting:
        connection.execute(insert(tables.outbox), waiting)
    if change.audit:
        connection.execute(insert(tables.audit), [_audit(entry) for entry in change.audit])


def _upsert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if rows:
        connection.execute(_upsert_statement(connection.dialect.name, table, tuple(rows[0])), rows)


@cache
def _upsert_statement(dialect: str, table: Table, names: tuple[str, ...]) -> Executable:
    """Columns that are not among `names` stay as they are."""
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    add = make(table)
    keys = [column.name for column in table.primary_key]
    rest = {name: add.excluded[name] for name in names if name not in keys}
    return add.on_conflict_do_update(index_elements=keys, set_=rest)


def _alert(alert: Alert) -> Row:
    return {
        "rule": alert.rule,
        "fingerprint": fingerprint(alert.labels),
        "rule_group": alert.group,
        "incident_key": alert.incident,
        "state": alert.state,
        "payload": payloads.pack(alert),
    }


def _incident(incident: Incident) -> Row:
    return {
        "id": incident.id,
        "key": incident.key,
        "state": incident.state,
        "severity": incident.severity,
        "opened_at": incident.opened_at,
        "resolved_at": incident.resolved_at,
        "problem_id": incident.problem_id,
        "payload": payloads.pack(incident),
    }


def _transition(transition: Transition) -> Row:
    return {
        "id": transition.id,
        "incident_id": transition.incident.id,
        "incident_key": transition.incident.key,
        "at": transition.at,
        "state": transition.state,
        "reason": transition.reason,
        "actor": transition.actor,
        "payload": payloads.pack(transition),
    }


def _silence(silence: Silence) -> Row:
    return {"id": silence.id, "ends_at": silence.ends_at, "payload": payloads.pack(silence)}


def _notice(receiver: str, transition: str) -> Row:
    return {"receiver": receiver, "transition_id": transition, "attempts": 0}


def _audit(entry: AuditEntry) -> Row:
    return {
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.why,
    }
