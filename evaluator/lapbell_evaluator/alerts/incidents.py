"""An incident after one instant, by the row of `incident_table` that the instant's event leads to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Final

from lapbell_evaluator.alerts.incident_table import IncidentEvent, IncidentMove, News, incident_move
from lapbell_evaluator.alerts.severity import leader, severity
from lapbell_evaluator.alerts.step import Step
from lapbell_evaluator.model import Alert, Incident, Onset, Reason, State, Transition, rank_of

__all__ = ["IncidentChange", "ManualAction", "acknowledged", "incident_change", "recovery_ended"]

_US_PER_S: Final = 1_000_000
"""An alert that begins, ends and begins anew is written twice in between: that takes longer than a microsecond."""
_WITHOUT_FIRING: Final = {State.HELD: IncidentEvent.ALERTS_HELD, State.PENDING: IncidentEvent.ALERT_PENDING}
_OVER: Final = (State.INACTIVE, State.RESOLVED)


@dataclass(frozen=True, slots=True)
class ManualAction:
    """Who moved something by hand, and why."""

    by: str
    why: str


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
        steps: what moved; none where a person acts or a wait is over.
        now: Unix seconds.
        action: who did it, if a person did.
    """

    alerts: Sequence[Alert]
    steps: Sequence[Step]
    now: float
    action: ManualAction | None = None

    @property
    def reopen_within_s(self) -> float:
        """How long what cleared at this instant may return as the same incident; 0 if nothing may."""
        return max((step.reopen_within_s for step in self.steps), default=0.0)


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
    event = _event(incident, instant)
    if incident is None:
        return _opened(incident_move(State.INACTIVE, event), instant)
    row = incident_move(incident.state, event)
    if row.to in _OVER:
        last = leader(step.alert for step in instant.steps if step.reason is not None)
        reason = _reason(instant.steps, State.INACTIVE)
        return _ended(replace(incident, value=last.value, reason=reason), row, instant)
    if row.to is State.RECOVERING:
        return _cleared(incident, row, instant) if incident.state is State.FIRING else IncidentChange()
    return _adjusted(incident, row, instant) if row.to is incident.state else _moved(incident, row, instant)


def recovery_ended(
    incident: Incident,
    event: IncidentEvent,
    alerts: Sequence[Alert],
    now: float,
    action: ManualAction | None = None,
) -> IncidentChange:
    """A recovering incident is resolved, without a step of its alerts.

    Args:
        incident: that recovers.
        event: its wait is over, its rules were removed, or a person resolves it.
        alerts: those of it that are pending; they begin another incident.
        now: Unix seconds.
        action: who did it, if a person did.

    Raises:
        ImpossibleMoveError: it does not recover.
    """
    row = incident_move(incident.state, event)
    if event is IncidentEvent.RULES_REMOVED:
        incident = replace(incident, reason=Reason.RULE_REMOVED)
    if action is not None:
        incident = replace(incident, reason=Reason.MANUAL, resolved_by=action.by, resolved_why=action.why)
    return _ended(incident, row, _Instant(alerts, (), now, action))


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
        last_acknowledged_at=now,
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
        is_news=row.news is not News.NOTHING,
    )
    return IncidentChange((after,), (transition,))


def _event(incident: Incident | None, instant: _Instant) -> IncidentEvent:
    """What the worst of the alerts makes of the incident."""
    states = {alert.state for alert in instant.alerts}
    if State.FIRING in states:
        lead = leader(alert for alert in instant.alerts if alert.state is State.FIRING)
        paged_for = None if incident is None else _paged_for(incident)
        is_risen = paged_for is not None and rank_of(severity(lead)) > rank_of(paged_for)
        return IncidentEvent.SEVERITY_ROSE if is_risen else IncidentEvent.ALERT_FIRING
    is_firing = incident is not None and incident.state is State.FIRING
    if is_firing and State.HELD not in states and instant.reopen_within_s > 0:
        return IncidentEvent.ALERTS_CLEARED
    return next((event for state, event in _WITHOUT_FIRING.items() if state in states), IncidentEvent.ALERTS_OVER)


def _paged_for(incident: Incident) -> str | None:
    """The highest severity that receivers were paged for; None if that is to come."""
    if incident.paged_severity is None and incident.state in (State.FIRING, State.RECOVERING):
        return incident.severity  # an older lapbell wrote it
    return incident.paged_severity


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
        reason=_reason(instant.steps, row.to) if instant.steps else Reason.BREACHED,
        onset=_onset(instant.alerts),
    )
    fired_at = instant.now if row.to is State.FIRING else None
    return _change(incident, replace(incident, state=row.to, fired_at=fired_at), row, instant)


def _onset(alerts: Sequence[Alert]) -> Onset | None:
    if len(alerts) == 1:
        return alerts[0].onset
    onsets = [alert.onset for alert in alerts if alert.onset is not None]
    return min(onsets, key=attrgetter("evaluated_at"), default=None)


def _ended(incident: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    """The incident is over; alerts that are left may begin another one."""
    after = replace(
        incident,
        state=row.to,
        resolved_at=incident.resolved_at if incident.state is State.HELD else instant.now,
        last_fired=(),
    )
    ended = _change(incident, after, row, instant)
    if not row.begins_anew or not instant.alerts:
        return ended
    opened = _opened(incident_move(State.INACTIVE, _event(None, instant)), instant)
    return IncidentChange((*ended.incidents, *opened.incidents), (*ended.transitions, *opened.transitions))


def _cleared(incident: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    """Nothing of it fires any more: it recovers from now on."""
    last = leader(step.alert for step in instant.steps if step.reason is not None)
    fired = (step.before for step in instant.steps if step.alert.state is State.INACTIVE)
    after = replace(
        incident,
        state=row.to,
        value=last.value,
        reason=_reason(instant.steps, State.INACTIVE),
        recovering_at=instant.now,
        reopen_within_s=instant.reopen_within_s,
        last_fired=tuple(alert for alert in fired if alert is not None and alert.state is State.FIRING),
    )
    return _change(incident, after, row, instant)


def _adjusted(incident: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    """The state stays; the severity may not."""
    lead = leader(alert for alert in instant.alerts if alert.state is row.to)
    if severity(lead) == incident.severity:
        return IncidentChange()
    is_higher = rank_of(severity(lead)) > rank_of(incident.severity)
    after = replace(_led_by(lead, incident), reason=Reason.ESCALATED if is_higher else Reason.DEESCALATED)
    return _change(incident, after, row, instant)


def _moved(incident: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    """From pending to firing, from firing to held, and back to firing from held or recovering."""
    lead = leader(alert for alert in instant.alerts if alert.state is row.to)
    after = replace(_led_by(lead, incident), state=row.to, reason=_reason(instant.steps, row.to))
    if row.to is State.FIRING:
        fired_at = instant.now if incident.fired_at is None else incident.fired_at
        after = replace(after, fired_at=fired_at, resolved_at=None, resolved_by=None, resolved_why=None)
        if incident.state is State.RECOVERING:
            after = replace(after, reason=Reason.REOPENED, recovering_at=None, last_fired=())
        if incident.state is State.HELD:
            after = replace(after, acknowledged_at=None, acknowledged_by=None, acknowledged_why=None)
    elif instant.action is not None:
        action = instant.action
        after = replace(after, resolved_at=instant.now, resolved_by=action.by, resolved_why=action.why)
    return _change(incident, after, row, instant)


def _led_by(lead: Alert, incident: Incident) -> Incident:
    """The incident with what its leading alert says of it."""
    return replace(incident, severity=severity(lead), labels=lead.labels, value=lead.value, threshold=lead.threshold)


def _reason(steps: Sequence[Step], state: State) -> Reason:
    """Why the incident moved: the reason of the highest alert that went there."""
    moved = [step for step in steps if step.reason is not None]
    there = [step for step in moved if step.alert.state is state] or moved
    lead = leader(step.alert for step in there)
    return next(step.reason for step in there if step.alert is lead and step.reason is not None)


def _change(before: Incident, after: Incident, row: IncidentMove, instant: _Instant) -> IncidentChange:
    action = instant.action
    after = replace(_notified(before, after, row), moves=before.moves + 1)
    transition = Transition(
        id=f"{after.id}-{after.moves}",
        incident=after,
        previous=before.state,
        state=row.to if row.announced is None else row.announced,
        reason=after.reason,
        at=instant.now,
        actor=action.by if action else "",
        why=action.why if action else "",
        is_news=row.news in (News.PAGE, News.END) or (row.news is News.UPDATE and not before.is_quiet),
        is_page=row.news is News.PAGE,
    )
    return IncidentChange((after,), (transition,))


def _notified(before: Incident, after: Incident, row: IncidentMove) -> Incident:
    """The incident with what receivers know of it from now on."""
    if row.news is News.PAGE:
        return replace(after, paged_severity=after.severity, is_quiet=False)
    if row.news is News.END:
        return replace(after, paged_severity=None, is_quiet=False)
    if before.state is State.RECOVERING and after.state is State.FIRING:
        return replace(after, paged_severity=_paged_for(before), is_quiet=True)
    return after
