"""One alert, one observation, one instant: which event that is, and the alert after it. Pure."""

import math
from dataclasses import dataclass, replace
from typing import Final

from lapbell_evaluator.alerts.condition import AlertPolicy, Condition, EvaluationResult
from lapbell_evaluator.alerts.machine import Event, Move, move
from lapbell_evaluator.model import Alert, Health, Onset, Reason, State, incident_key

__all__ = ["Step", "act", "step"]

_ENDINGS: Final = {Condition.CLEARED: Event.RECOVER, Condition.EMPTY: Event.EMPTY, Condition.SERIES_ENDED: Event.END}
_HEALTH: Final = {
    Condition.NO_TRAFFIC: Health.NO_DATA,
    Condition.NO_DATA: Health.NO_DATA,
    Condition.ERROR: Health.ERROR,
    Condition.WARMING_UP: Health.COLD,
}


@dataclass(frozen=True, slots=True)
class Step:
    """What became of an alert.

    Attributes:
        before: the alert as the store had it; None if it was inactive.
        alert: the alert after the step; its state is inactive when it is over.
        previous: its state before.
        reason: why it moved; None where the state stayed.
        is_kept: whether a restart must know about it.
    """

    before: Alert | None
    alert: Alert
    previous: State
    reason: Reason | None
    is_kept: bool


def step(
    alert: Alert | None, seen: EvaluationResult, policy: AlertPolicy, now: float, *, is_held: bool = False
) -> Step | None:
    """Judge one observation.

    Args:
        alert: as it stands; None if it is inactive.
        seen: what the evaluation saw of it.
        policy: how long things must last.
        now: Unix seconds of the evaluation.
        is_held: its incident is resolved by action at this alert's severity or a higher one.

    Returns:
        The step, or None where an inactive alert stays inactive.
    """
    if alert is None and seen.condition is not Condition.MET:
        return None
    known = _new(seen, policy, now) if alert is None else alert
    proven = _proven(known, seen, policy, now)
    event = _event(proven, seen, policy, now, is_held=is_held)
    return _moved(alert, proven, move(known.state, event), event, now)


def act(alert: Alert, event: Event, now: float) -> Step:
    """Apply an event that no observation makes: a resolve by action, a rising incident."""
    return _moved(alert, alert, move(alert.state, event), event, now)


def _new(seen: EvaluationResult, policy: AlertPolicy, now: float) -> Alert:
    return Alert(
        group=policy.group,
        rule=policy.rule,
        labels=seen.labels,
        incident=incident_key(seen.labels),
        series=seen.series,
        state=State.INACTIVE,
        active_at=now,
        proven_at=now,
        value=seen.value,
        threshold=policy.threshold,
        health_since=now,
        onset=Onset.seen(now, seen.sampled_at, seen.received_at),
    )


def _proven(alert: Alert, seen: EvaluationResult, policy: AlertPolicy, now: float) -> Alert:
    """The alert with what was seen noted: values and health, and no credit for time that nobody watched.

    The same alert where nothing is new: most of ten thousand that fire are as they were five seconds ago.
    """
    health = _HEALTH.get(seen.condition, Health.OK)
    quiet_since = None
    if seen.condition is Condition.NO_TRAFFIC:
        quiet_since = now if alert.quiet_since is None else alert.quiet_since
    is_breach = seen.condition is Condition.MET
    value = seen.value if is_breach or math.isfinite(seen.value) else alert.value
    told = (value, policy.threshold, health, seen.detail, quiet_since)
    if alert.state is not State.PENDING and told == _told(alert):
        return alert
    active_at, proven_at = alert.active_at, alert.proven_at
    if is_breach:
        if alert.state is State.PENDING and alert.health is not Health.OK:
            active_at += now - alert.proven_at
        proven_at = now
    return replace(
        alert,
        active_at=active_at,
        proven_at=proven_at,
        value=value,
        threshold=policy.threshold,
        health=health,
        health_since=alert.health_since if health is alert.health else now,
        detail=seen.detail,
        quiet_since=quiet_since,
    )


def _told(alert: Alert) -> tuple[object, ...]:
    """What an observation may say anew."""
    return (alert.value, alert.threshold, alert.health, alert.detail, alert.quiet_since)


def _event(alert: Alert, seen: EvaluationResult, policy: AlertPolicy, now: float, *, is_held: bool) -> Event:
    if seen.condition is Condition.RULE_REMOVED:
        return Event.REMOVE
    if seen.condition is Condition.MET:
        return _breach(alert, policy, now, is_held=is_held)
    if seen.condition is Condition.UNDECIDED:
        return Event.RECOVER if alert.state is State.PENDING else Event.PERSIST
    if alert.quiet_since is not None and now - alert.quiet_since >= policy.idle_after_s:
        return Event.IDLE
    ending = _ENDINGS.get(seen.condition)
    if ending is None:
        return Event.STALL
    if alert.state is State.FIRING and policy.keep_firing_for_s > 0:
        cleared_at = now if alert.cleared_at is None else alert.cleared_at
        if now - cleared_at < policy.keep_firing_for_s:
            return Event.LINGER
    return ending


def _breach(alert: Alert, policy: AlertPolicy, now: float, *, is_held: bool) -> Event:
    if alert.state is State.FIRING:
        return Event.DUE
    if alert.state is State.HELD:
        held_at = now if alert.held_at is None else alert.held_at
        return Event.REOPEN if now - held_at >= policy.reopen_after_s else Event.DUE
    if now - alert.active_at < policy.for_s:
        return Event.BREACH
    return Event.DUE_UNDER_HOLD if is_held else Event.DUE


def _moved(before: Alert | None, alert: Alert, to: Move, event: Event, now: float) -> Step:
    fired_at, held_at, cleared_at = alert.fired_at, alert.held_at, None
    if to.to is State.FIRING and alert.state is not State.FIRING:
        fired_at, held_at = now, None
    elif to.to is State.HELD and alert.state is not State.HELD:
        held_at = now
    if event is Event.LINGER:
        cleared_at = now if alert.cleared_at is None else alert.cleared_at
    elif event is Event.STALL:
        cleared_at = alert.cleared_at
    after = alert
    if event is Event.LINGER and before is not None:
        after = replace(alert, cleared_at=cleared_at, value=before.value)  # what it fires for, as in Prometheus
    elif to.to is not alert.state or cleared_at != alert.cleared_at:
        after = replace(alert, state=to.to, fired_at=fired_at, held_at=held_at, cleared_at=cleared_at)
    is_kept = before is None or to.reason is not None or _memory(before) != _memory(after)
    return Step(before, after, alert.state, to.reason, is_kept)


def _memory(alert: Alert) -> tuple[object, ...]:
    """What a restart must not forget; values and the time of the last look may be a little older."""
    return (
        alert.state, alert.active_at, alert.fired_at, alert.held_at, alert.cleared_at, alert.health, alert.detail,
        alert.quiet_since,
    )  # fmt: skip
