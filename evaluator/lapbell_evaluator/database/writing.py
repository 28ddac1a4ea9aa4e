"""How a change is written: upserts by executemany, in one transaction."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, delete, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.expression import bindparam

from lapbell_evaluator.database import payloads, tables
from lapbell_evaluator.model import Alert, AuditEntry, Change, Incident, Silence, Transition, fingerprint

__all__ = ["write"]

Row = dict[str, object]


def write(connection: Connection, change: Change, receivers: Sequence[str]) -> None:
    """Write a change, and one outbox row for each receiver and transition that is news."""
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
    news = [transition for transition in change.transitions if transition.is_news]
    notices = [_notice(receiver, transition) for transition in news for receiver in receivers]
    if notices:
        connection.execute(insert(tables.outbox), notices)
    if change.audit:
        connection.execute(insert(tables.audit), [_audit(entry) for entry in change.audit])


def _upsert(connection: Connection, table: Table, rows: list[Row]) -> None:
    if not rows:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    add = make(table)
    keys = [column.name for column in table.primary_key]
    rest = {column.name: add.excluded[column.name] for column in table.columns if column.name not in keys}
    connection.execute(add.on_conflict_do_update(index_elements=keys, set_=rest), rows)


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


def _notice(receiver: str, transition: Transition) -> Row:
    return {"receiver": receiver, "transition_id": transition.id, "attempts": 0}


def _audit(entry: AuditEntry) -> Row:
    return {
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "reason": entry.why,
    }
