"""What the evaluator that ran before left: each row is read by itself, and what one that is damaged meant is guessed.

A pager that was told of an alert must hear of its end. So an incident that is lost is taken from its last move; an
alert that is lost is made anew from its incident, and from what its row says in columns of its own. Where that is not
enough, the incident ends, and whatever still holds fires anew: somebody is paged once too often rather than not at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Row, Select, func, select, type_coerce
from sqlalchemy.types import NullType

from lapbell_evaluator.database import payloads, tables
from lapbell_evaluator.database.quarantine import DamagedRow
from lapbell_evaluator.model import (
    ALERT_NAME,
    SEVERITY,
    Alert,
    Change,
    Health,
    Incident,
    Silence,
    State,
    fingerprint,
)

__all__ = ["SILENCES_KEPT_S", "Restored", "restore"]

T = TypeVar("T")
SILENCES_KEPT_S: Final = 5 * 86_400.0
_OPEN: Final = (State.PENDING, State.FIRING, State.RECOVERING, State.HELD)
_LOST: Final = "lost"
"""The rule of an alert of which not even the row is left: no rule has that key, so the alert ends as one of a rule that
was removed."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What the evaluator that ran before left in the database.

    Attributes:
        alerts: those that were not inactive.
        incidents: those that were not over.
        silences: those that have not ended for long.
        is_first_start: no evaluator ever ran on this database.
        damaged: rows that cannot be read.
        remade: the alerts and incidents that were made anew in their place.
    """

    alerts: tuple[Alert, ...]
    incidents: tuple[Incident, ...]
    silences: tuple[Silence, ...]
    is_first_start: bool
    damaged: tuple[DamagedRow, ...] = ()
    remade: Change = field(default_factory=Change)


def restore(connection: Connection, now: float) -> Restored:
    """Read everything that is not over.

    Args:
        connection: to the database.
        now: Unix seconds.
    """
    damaged: list[DamagedRow] = []
    remade = _Remade()
    starts = connection.execute(select(func.count()).select_from(tables.evaluator_starts)).scalar_one()
    groups = connection.execute(select(tables.rule_groups))
    evaluated_at = {row.name: row.last_evaluated_at for row in groups}
    incidents = _incidents(connection, damaged, remade)
    alerts = [alert for alert in _alerts(connection, incidents, damaged, remade) if alert.incident in incidents]
    since = tables.silences.c.ends_at > now - SILENCES_KEPT_S
    silences = _rows(connection, select(tables.silences.c.id, _raw(tables.silences.c.payload)).where(since))
    read_silences = [_read(payloads.silence, row, ("id",), "silences", damaged) for row in silences]
    return Restored(
        alerts=(*(_last_evaluated(alert, evaluated_at) for alert in alerts), *_missing(alerts, incidents)),
        incidents=tuple(incidents.values()),
        silences=tuple(silence for silence in read_silences if silence is not None),
        is_first_start=starts == 0,
        damaged=tuple(damaged),
        remade=Change(alerts=tuple(remade.alerts), incidents=tuple(remade.incidents)),
    )


@dataclass(slots=True)
class _Remade:
    """What was made anew from other rows."""

    alerts: list[Alert] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)


def _incidents(connection: Connection, damaged: list[DamagedRow], remade: _Remade) -> dict[str, Incident]:
    """Those that are not over, by key; one that cannot be read as its last move had it."""
    columns = tables.incidents.c
    query = select(columns.id, _raw(columns.payload)).where(columns.state.in_(_OPEN))
    incidents: dict[str, Incident] = {}
    for row in _rows(connection, query):
        incident = _read(payloads.incident, row, ("id",), "incidents", damaged, lambda read, row: read.id == row.id)
        if incident is None:
            incident = _from_last_move(connection, row.id)
            remade.incidents += [incident] if incident is not None else []
        if incident is not None:
            incidents[incident.key] = incident
    return incidents


def _alerts(
    connection: Connection, incidents: dict[str, Incident], damaged: list[DamagedRow], remade: _Remade
) -> Iterator[Alert]:
    columns = tables.alerts.c
    query = select(columns.rule, columns.fingerprint, columns.rule_group, columns.incident_key, columns.state)
    for row in _rows(connection, query.add_columns(_raw(columns.payload))):
        alert = _read(payloads.alert, row, ("rule", "fingerprint"), "alerts", damaged, _is_of)
        if alert is None and row.incident_key in incidents:
            alert = _remade(incidents[row.incident_key], row.rule, row.rule_group, row.fingerprint)
            remade.alerts.append(alert)
        if alert is not None:
            yield alert


def _missing(alerts: list[Alert], incidents: dict[str, Incident]) -> Iterator[Alert]:
    """An alert for each incident that has none, and is not one that recovers, which needs none."""
    keys = {alert.incident for alert in alerts}
    for key, incident in incidents.items():
        if key not in keys and incident.state is not State.RECOVERING:
            yield _remade(incident, _LOST, "", fingerprint(incident.labels))


def _is_of(alert: Alert, row: Row[Any]) -> bool:
    return bool(fingerprint(alert.labels) == row.fingerprint)


def _remade(incident: Incident, rule: str, group: str, own_fingerprint: str) -> Alert:
    """The alert of an incident, as far as the incident knows; of a lower severity if the fingerprint says so."""
    own = dict(incident.labels)
    of_severity = (tuple(sorted({**own, SEVERITY: severity}.items())) for severity in ("warning", "critical"))
    labels = next((each for each in of_severity if fingerprint(each) == own_fingerprint), incident.labels)
    return Alert(
        group=group,
        rule=rule,
        labels=labels,
        incident=incident.key,
        series=tuple(pair for pair in labels if pair[0] not in (ALERT_NAME, SEVERITY, "category")),
        state=incident.state if incident.state is not State.RECOVERING else State.FIRING,
        active_at=incident.opened_at,
        proven_at=incident.opened_at,
        value=incident.value,
        threshold=incident.threshold,
        fired_at=incident.fired_at,
        held_at=incident.resolved_at if incident.state is State.HELD else None,
        detail="its row was damaged",
    )


def _from_last_move(connection: Connection, incident: str) -> Incident | None:
    columns = tables.transitions.c
    query = select(_raw(columns.payload)).where(columns.incident_id == incident).order_by(columns.seq.desc()).limit(5)
    for row in _rows(connection, query):
        try:
            return payloads.transition(row.payload).incident
        except (msgspec.MsgspecError, TypeError, ValueError):
            continue  # the one before it may be whole
    return None


def _read(
    decode: Callable[[bytes], T],
    row: Row[Any],
    key: tuple[str, ...],
    table: str,
    damaged: list[DamagedRow],
    is_right: Callable[[T, Row[Any]], bool] = lambda _read, _row: True,
) -> T | None:
    try:
        read = decode(row.payload)
        if is_right(read, row):
            return read
        reason = "It is not what its key says."
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        reason = str(error)
    named = tuple((column, str(getattr(row, column))) for column in key)
    damaged.append(DamagedRow(table, named, reason, row.payload))
    return None


def _rows(connection: Connection, query: Select[Any]) -> list[Row[Any]]:
    return list(connection.execute(query))


def _raw(column: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's own generics differ by column
    """The column as the driver gives it: what is damaged may not even be bytes."""
    return type_coerce(column, NullType()).label(column.name)


def _last_evaluated(alert: Alert, evaluated_at: dict[str, float]) -> Alert:
    """A pending alert was proven at the last evaluation of its group: its row is not rewritten at every evaluation."""
    if alert.state is not State.PENDING or alert.health is not Health.OK:
        return alert
    return replace(alert, proven_at=max(alert.proven_at, evaluated_at.get(alert.group, alert.proven_at)))
