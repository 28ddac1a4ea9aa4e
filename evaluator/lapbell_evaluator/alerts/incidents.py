"""What the moves of alerts mean for their incident: opened, escalated, resolved. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from lapbell_evaluator.alerts.severity import leader, rank_of, severity
from lapbell_evaluator.alerts.step import Step
from lapbell_evaluator.model import Alert, Incident, Onset, Reason, State, Transition

__all__ = ["IncidentChange", "ManualAction", "incident_change"]

_US_PER_S: Final = 1_000_000
"""An alert that begins, ends and begins anew is written twice in between: that takes longer than a microsecond."""


@dataclass(frozen=True, slots=True)
class ManualAction:
    """Who moved something by action, and why."""

    by: str
    why: str


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """An incident's part of a change: the incidents to write, the transitions to tell."""

    incidents: tuple[Incident, ...]
    transitions: tuple[Transition, ...]


def incident_change(
    incident: Incident | None,
    alerts: Sequence[Alert],
    steps: Sequence[Step],
    now: float,
    action: ManualAction | None = None,
) -> IncidentChange:
    """IncidentChange the steps of one instant into their incident.

    Args:
        incident: the open incident before the steps; None if there was none.
        alerts: its alerts after the steps, those that are not inactive.
        steps: what moved, at least one.
        now: Unix seconds.
        action: who did it, if a person did.
    """
    state = _state(alerts)
    if incident is not None and incident.state in (State.FIRING, State.HELD) and state is State.PENDING:
        closed = _close(incident, steps, now, action)
        opened = _open(alerts, state, steps, now)
        return IncidentChange((*closed.incidents, *opened.incidents), (*closed.transitions, *opened.transitions))
    if incident is None:
        return IncidentChange((), ()) if state is State.INACTIVE else _open(alerts, state, steps, now)
    if state is State.INACTIVE:
        return _close(incident, steps, now, action)
    if state is incident.state:
        return _adjust(incident, alerts, now)
    return _shift(incident, alerts, state, steps, now, action)


def _state(alerts: Sequence[Alert]) -> State:
    states = {alert.state for alert in alerts}
    return next((each for each in (State.FIRING, State.HELD, State.PENDING) if each in states), State.INACTIVE)


def _open(alerts: Sequence[Alert], state: State, steps: Sequence[Step], now: float) -> IncidentChange:
    lead = leader(alert for alert in alerts if alert.state is state)
    incident = Incident(
        id=f"{lead.incident}-{int(now * _US_PER_S):x}",
        key=lead.incident,
        state=State.INACTIVE,
        severity=severity(lead),
        labels=lead.labels,
        value=lead.value,
        threshold=lead.threshold,
        opened_at=min(alert.active_at for alert in alerts),
        reason=_reason(steps, state),
        onset=_onset(alerts),
    )
    fired_at = now if state is State.FIRING else None
    return _told(incident, replace(incident, state=state, fired_at=fired_at), state, now)


def _onset(alerts: Sequence[Alert]) -> Onset | None:
    if len(alerts) == 1:
        return alerts[0].onset
    known = [each.onset for each in alerts if each.onset is not None]
    return min(known, key=attrgetter("evaluated_at"), default=None)


def _close(incident: Incident, steps: Sequence[Step], now: float, action: ManualAction | None) -> IncidentChange:
    last = leader(step.alert for step in steps if step.reason is not None)
    reason = _reason(steps, State.INACTIVE)
    never_fired = incident.state is State.PENDING
    was_held = incident.state is State.HELD
    after = replace(
        incident,
        state=State.INACTIVE if never_fired else State.RESOLVED,
        value=last.value,
        reason=reason,
        resolved_at=incident.resolved_at if was_held else now,
    )
    return _told(incident, after, after.state, now, action, is_news=not was_held)


def _adjust(incident: Incident, alerts: Sequence[Alert], now: float) -> IncidentChange:
    """The state stays; the severity may not."""
    lead = leader(alert for alert in alerts if alert.state is incident.state)
    if severity(lead) == incident.severity:
        return IncidentChange((), ())
    after = replace(
        incident,
        severity=severity(lead),
        labels=lead.labels,
        value=lead.value,
        threshold=lead.threshold,
        reason=Reason.ESCALATED if rank_of(severity(lead)) > rank_of(incident.severity) else Reason.DEESCALATED,
    )
    return _told(incident, after, incident.state, now, is_news=incident.state is not State.HELD)


def _shift(
    incident: Incident,
    alerts: Sequence[Alert],
    state: State,
    steps: Sequence[Step],
    now: float,
    action: ManualAction | None,
) -> IncidentChange:
    """From pending to firing, from firing to held, and back from held to firing."""
    lead = leader(alert for alert in alerts if alert.state is state)
    after = replace(
        incident,
        state=state,
        severity=severity(lead),
        labels=lead.labels,
        value=lead.value,
        threshold=lead.threshold,
        reason=_reason(steps, state),
    )
    if state is State.FIRING:
        after = replace(after, fired_at=incident.fired_at or now, resolved_at=None, resolved_by=None, resolved_why=None)
        if incident.state is State.HELD:
            after = replace(after, acknowledged_at=None, acknowledged_by=None, acknowledged_why=None)
        return _told(incident, after, state, now)
    if state is State.HELD and action is not None:
        after = replace(after, resolved_at=now, resolved_by=action.by, resolved_why=action.why)
    return _told(incident, after, State.RESOLVED, now, action)


def _reason(steps: Sequence[Step], state: State) -> Reason:
    """Why the incident moved: the reason of the highest alert that went there."""
    moved = [step for step in steps if step.reason is not None]
    there = [step for step in moved if step.alert.state is state] or moved
    lead = leader(step.alert for step in there)
    return next(step.reason for step in there if step.alert is lead and step.reason is not None)


def _told(
    before: Incident,
    after: Incident,
    state: State,
    now: float,
    action: ManualAction | None = None,
    *,
    is_news: bool = True,
) -> IncidentChange:
    after = replace(after, moves=before.moves + 1)
    transition = Transition(
        id=f"{after.id}-{after.moves}",
        incident=after,
        previous=before.state,
        state=state,
        reason=after.reason,
        at=now,
        actor=action.by if action else "",
        why=action.why if action else "",
        is_news=is_news,
    )
    return IncidentChange((after,), (transition,))
