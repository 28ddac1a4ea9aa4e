"""Everything that moves an incident: one table, beside the alert's in `machine`. Pure.

An incident follows its alerts. Each instant gives it one event: what the worst of its alerts is now, or a person's act.
The row of its state and that event says where it goes and what receivers hear; an event that a state has no row for
is an impossible move: it raises and changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from lapbell_evaluator.alerts.machine import ImpossibleMoveError
from lapbell_evaluator.alerts.severity import leader, rank_of, severity
from lapbell_evaluator.alerts.step import Step
from lapbell_evaluator.model import Alert, Incident, Onset, Reason, State, Transition

__all__ = [
    "INCIDENT_TABLE",
    "IncidentChange",
    "IncidentEvent",
    "IncidentMove",
    "ManualAction",
    "acknowledged",
    "incident_change",
    "incident_move",
]

_US_PER_S: Final = 1_000_000
"""An alert that begins, ends and begins anew is written twice in between: that takes longer than a microsecond."""


@dataclass(frozen=True, slots=True)
class ManualAction:
    """Who moved something by hand, and why."""

    by: str
    why: str


class IncidentEvent(StrEnum):
    """What happens to an incident at one instant."""

    ALERT_PENDING = "an alert of it is pending, none fires or is held"
    ALERT_FIRING = "an alert of it fires"
    ALERTS_HELD = "every alert of it that fired is held: resolved by hand"
    ALERTS_OVER = "no alert of it is left"
    ACKNOWLEDGE = "a person takes it"


_BY_WORST_STATE: Final = {
    State.FIRING: IncidentEvent.ALERT_FIRING,
    State.HELD: IncidentEvent.ALERTS_HELD,
    State.PENDING: IncidentEvent.ALERT_PENDING,
}
"""The worst state first."""


@dataclass(frozen=True, slots=True)
class IncidentMove:
    """Where a row of the table leads.

    Attributes:
        to: the next state.
        announced: the state that the transition names, where it is not `to`.
        is_news: whether receivers are notified of it; history keeps every transition.
        begins_anew: the alerts that are left begin another incident of the same key, by a move of their own.
    """

    to: State
    announced: State | None = None
    is_news: bool = True
    begins_anew: bool = False


INCIDENT_TABLE: Final[Mapping[tuple[State, IncidentEvent], IncidentMove]] = MappingProxyType(
    {
        (State.INACTIVE, IncidentEvent.ALERT_PENDING): IncidentMove(State.PENDING),
        (State.INACTIVE, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING),
        (State.PENDING, IncidentEvent.ALERT_PENDING): IncidentMove(State.PENDING),
        (State.PENDING, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING),
        (State.PENDING, IncidentEvent.ALERTS_OVER): IncidentMove(State.INACTIVE),
        (State.PENDING, IncidentEvent.ACKNOWLEDGE): IncidentMove(State.PENDING, is_news=False),
        (State.FIRING, IncidentEvent.ALERT_PENDING): IncidentMove(State.RESOLVED, begins_anew=True),
        (State.FIRING, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING),
        (State.FIRING, IncidentEvent.ALERTS_HELD): IncidentMove(State.HELD, announced=State.RESOLVED),
        (State.FIRING, IncidentEvent.ALERTS_OVER): IncidentMove(State.RESOLVED),
        (State.FIRING, IncidentEvent.ACKNOWLEDGE): IncidentMove(State.FIRING, is_news=False),
        (State.HELD, IncidentEvent.ALERT_PENDING): IncidentMove(State.RESOLVED, is_news=False, begins_anew=True),
        (State.HELD, IncidentEvent.ALERT_FIRING): IncidentMove(State.FIRING),
        (State.HELD, IncidentEvent.ALERTS_HELD): IncidentMove(State.HELD, is_news=False),
        (State.HELD, IncidentEvent.ALERTS_OVER): IncidentMove(State.RESOLVED, is_news=False),
    }
)


def incident_move(state: State, event: IncidentEvent) -> IncidentMove:
    """The row of the table.

    Raises:
        ImpossibleMoveError: there is none.
    """
    row = INCIDENT_TABLE.get((state, event))
    if row is None:
        raise ImpossibleMoveError(f"An incident that is {state} cannot move when: {event}.")
    return row


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """An incident's part of a change: the incidents to write, the transitions to notify of."""

    incidents: tuple[Incident, ...] = ()
    transitions: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class _Instant:
    """What the moves of one instant are made from.

    Attributes:
        alerts: the incident's alerts after the steps, those that are not inactive.
        steps: what moved, at least one.
        now: Unix seconds.
        action: who did it, if a person did.
    """

    alerts: Sequence[Alert]
    steps: Sequence[Step]
    now: float
    action: ManualAction | None = None


def incident_change(
    incident: Incident | None,
    alerts: Sequence[Alert],
    steps: Sequence[Step],
    now: float,
    action: ManualAction | None = None,
) -> IncidentChange:
    """What the steps of one instant mean for their incident.

    Args:
        incident: the open incident before the steps; None if there was none.
        alerts: its alerts after the steps, those that are not inactive.
        steps: what moved, at least one.
        now: Unix seconds.
        action: who did it, if a person did.

    Raises:
        ImpossibleMoveError: the table has no row for it.
    """
    instant = _Instant(alerts, steps, now, action)
    event = _event(alerts)
    if incident is None:
        return _opened(incident_move(State.INACTIVE, event), instant)
    row = incident_move(incident.state, event)
    if row.begins_anew:
        ended = _ended(incident, row, instant)
        opened = _opened(incident_move(State.INACTIVE, event), instant)
        return IncidentChange((*ended.incidents, *opened.incidents), (*ended.transitions, *opened.transitions))
    if row.to in (State.INACTIVE, State.RESOLVED):
        return _ended(incident, row, instant)
    return _adjusted(incident, row, instant) if row.to is incident.state else _moved(incident, row, instant)


def acknowledged(incident: Incident, action: ManualAction, now: float) -> IncidentChange:
    """A person takes the incident; its state stays.

    Raises:
        ImpossibleMoveError: it is in a state in which it cannot be acknowledged.
    """
    row = incident_move(incident.state, IncidentEvent.ACKNOWLEDGE)
    after = replace(
        incident,
        acknowledged_at=now,
        acknowledged_by=action.by,
        acknowledged_why=action.why,
        moves=incident.moves + 1,
    )
    transition = Transition(
        id=f"{after.id}-{after.moves}",
        incident=after,
        previous=incident.state,
        state=row.to,
        reason=Reason.ACKNOWLEDGED,
        at=now,
        actor=action.by,
        why=action.why,
        is_news=row.is_news,
    )
    return IncidentChange((after,), (transition,))


def _event(alerts: Sequence[Alert]) -> IncidentEvent:
    states = {alert.state for alert in alerts}
    return next((event for state, event in _BY_WORST_STATE.items() if state in states), IncidentEvent.ALERTS_OVER)


def _opened(row: IncidentMove, instant: _Instant) -> IncidentChange:
    lead = leader(alert for alert in instant.alerts if alert.state is row.to)
    incident = Incident(
        id=f"{lead.incident}-{int(instant.now * _US_PER_S):x}",
        key=lead.incident,
        state=State.INACTIVE,
        severity=severity(lead),
        labels=lead.labels,
        value=lead.value,
        threshold=lead.threshold,
        opened_at=min(alert.active_at for alert in instant.alerts),
        reason=_reason(instant.steps, row.to),
        onset=_onset(instant.alerts),
    )
    fired_at = instant.now if row.to is State.FIRING else None
    return _change(incident, replace(incident, state=row.to, fired_at=fired_at), row, instant.now)


def _onset(alerts: Sequence[Alert]) -> Onset | None:
    if len(alerts) == 1:
        return alerts[0].onset
    onsets = [alert.onset for alert in alerts if alert.onset is not None]
    return min(onsets, key=attrgetter("evaluated_at"), default=None)


def _ended(incident: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    last = leader(step.alert for step in instant.steps if step.reason is not None)
    after = replace(
        incident,
        state=row.to,
        value=last.value,
        reason=_reason(instant.steps, State.INACTIVE),
        resolved_at=incident.resolved_at if incident.state is State.HELD else instant.now,
    )
    return _change(incident, after, row, instant.now, instant.action)


def _adjusted(incident: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    """The state stays; the severity may not."""
    lead = leader(alert for alert in instant.alerts if alert.state is row.to)
    if severity(lead) == incident.severity:
        return IncidentChange()
    is_higher = rank_of(severity(lead)) > rank_of(incident.severity)
    after = replace(_led_by(lead, incident), reason=Reason.ESCALATED if is_higher else Reason.DEESCALATED)
    return _change(incident, after, row, instant.now)


def _moved(incident: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    """From pending to firing, from firing to held, and back from held to firing."""
    lead = leader(alert for alert in instant.alerts if alert.state is row.to)
    after = replace(_led_by(lead, incident), state=row.to, reason=_reason(instant.steps, row.to))
    if row.to is State.FIRING:
        fired_at = incident.fired_at or instant.now
        after = replace(after, fired_at=fired_at, resolved_at=None, resolved_by=None, resolved_why=None)
        if incident.state is State.HELD:
            after = replace(after, acknowledged_at=None, acknowledged_by=None, acknowledged_why=None)
        return _change(incident, after, row, instant.now)
    if instant.action is not None:
        after = replace(after, resolved_at=instant.now, resolved_by=instant.action.by, resolved_why=instant.action.why)
    return _change(incident, after, row, instant.now, instant.action)


def _led_by(lead: Alert, incident: Incident) -> Incident:
    """The incident with what its leading alert says of it."""
    return replace(incident, severity=severity(lead), labels=lead.labels, value=lead.value, threshold=lead.threshold)


def _reason(steps: Sequence[Step], state: State) -> Reason:
    """Why the incident moved: the reason of the highest alert that went there."""
    moved = [step for step in steps if step.reason is not None]
    there = [step for step in moved if step.alert.state is state] or moved
    lead = leader(step.alert for step in there)
    return next(step.reason for step in there if step.alert is lead and step.reason is not None)


def _change(
    before: Incident, after: Incident, row: IncidentMove, now: float, action: ManualAction | None = None
) -> IncidentChange:
    after = replace(after, moves=before.moves + 1)
    transition = Transition(
        id=f"{after.id}-{after.moves}",
        incident=after,
        previous=before.state,
        state=row.to if row.announced is None else row.announced,
        reason=after.reason,
        at=now,
        actor=action.by if action else "",
        why=action.why if action else "",
        is_news=row.is_news,
    )
    return IncidentChange((after,), (transition,))
