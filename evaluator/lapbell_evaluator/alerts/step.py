"""One alert, one result, one instant: which event that is, and the alert after it. Pure."""

import math
from dataclasses import dataclass, replace
from typing import Final

from lapbell_evaluator.alerts.condition import AlertPolicy, Condition, EvaluationResult
from lapbell_evaluator.alerts.machine import Event, Move, move
from lapbell_evaluator.model import Alert, Health, Onset, Reason, State, incident_key

__all__ = ["Step", "act", "advance"]

_ENDINGS: Final = {
    Condition.CLEARED: Event.RECOVER,
    Condition.EMPTY: Event.EMPTY,
    Condition.SERIES_ENDED: Event.END,
}
_MAY_RETURN: Final = frozenset(_ENDINGS.values())
"""What has been idle has waited for longer than that already; a rule that was removed finds nothing any more."""
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
        is_durable: whether a restart must know about it.
        reopen_within_s: seconds in which it may return as the same incident; 0 unless it fired and has cleared.
    """

    before: Alert | None
    alert: Alert
    previous: State
    reason: Reason | None
    is_durable: bool
    reopen_within_s: float = 0.0


def advance(
    before: Alert | None, result: EvaluationResult, policy: AlertPolicy, now: float, *, is_held: bool = False
) -> Step | None:
    """Move an alert by one result of an evaluation.

    Args:
        before: the alert as it is; None if it is inactive.
        result: what the evaluation found for it.
        policy: how long things must last.
        now: Unix seconds of the evaluation.
        is_held: its incident is resolved by hand at this alert's severity or a higher one.

    Returns:
        The step, or None where an inactive alert stays inactive.
    """
    if before is None and result.condition is not Condition.MET:
        return None
    alert = _observed(_new(result, policy, now) if before is None else before, result, policy, now)
    event = _event(alert, result, policy, now, is_held=is_held)
    step = _moved(before, alert, move(alert.state, event), event, now)
    may_return = alert.state is State.FIRING and event in _MAY_RETURN
    return replace(step, reopen_within_s=policy.reopen_within_s) if may_return else step


def act(alert: Alert, event: Event, now: float) -> Step:
    """Apply an event that no evaluation makes: a resolve by hand, a rising incident."""
    return _moved(alert, alert, move(alert.state, event), event, now)


def _new(result: EvaluationResult, policy: AlertPolicy, now: float) -> Alert:
    return Alert(
        group=policy.group,
        rule=policy.rule,
        labels=result.labels,
        incident=incident_key(result.labels),
        series=result.series,
        state=State.INACTIVE,
        active_at=now,
        proven_at=now,
        value=result.value,
        threshold=policy.threshold,
        health_since=now,
        onset=Onset.seen(now, result.sampled_at, result.received_at),
        peak=result.value if math.isfinite(result.value) else None,
    )


def _observed(alert: Alert, result: EvaluationResult, policy: AlertPolicy, now: float) -> Alert:
    """The alert with the result noted: values and health, and no credit for time that nobody watched.

    The same object where nothing is new: most of ten thousand that fire are as they were five seconds ago.
    """
    health = _HEALTH.get(result.condition, Health.OK)
    quiet_since = None
    if result.condition is Condition.NO_TRAFFIC:
        quiet_since = now if alert.quiet_since is None else alert.quiet_since
    is_met = result.condition is Condition.MET
    value = result.value if is_met or math.isfinite(result.value) else alert.value
    observed = (value, policy.threshold, health, result.detail, quiet_since)
    if alert.state is not State.PENDING and observed == _observable(alert):
        return alert
    active_at, proven_at = alert.active_at, alert.proven_at
    if is_met:
        if alert.state is State.PENDING and alert.health is not Health.OK:
            active_at += now - alert.proven_at
        proven_at = now
    return replace(
        alert,
        active_at=active_at,
        proven_at=proven_at,
        value=value,
        threshold=policy.threshold,
        peak=_peak(alert.peak, value, policy.threshold) if is_met else alert.peak,
        health=health,
        health_since=alert.health_since if health is alert.health else now,
        detail=result.detail,
        quiet_since=quiet_since,
    )


def _peak(peak: float | None, value: float, threshold: float | None) -> float | None:
    """The worse one of two values: what is farther beyond the threshold, which most rules have below their values."""
    if not math.isfinite(value):
        return peak
    if peak is None:
        return value
    return min(peak, value) if threshold is not None and value < threshold else max(peak, value)


def _observable(alert: Alert) -> tuple[object, ...]:
    """The fields that a result may change."""
    return (alert.value, alert.threshold, alert.health, alert.detail, alert.quiet_since)


def _event(alert: Alert, result: EvaluationResult, policy: AlertPolicy, now: float, *, is_held: bool) -> Event:
    if result.condition is Condition.RULE_REMOVED:
        return Event.REMOVE
    if result.condition is Condition.MET:
        return _event_while_met(alert, policy, now, is_held=is_held)
    if result.condition is Condition.UNDECIDED:
        return Event.RECOVER if alert.state is State.PENDING else Event.PERSIST
    if alert.quiet_since is not None and now - alert.quiet_since >= policy.idle_after_s:
        return Event.IDLE
    ending = _ENDINGS.get(result.condition)
    if ending is None:
        return Event.STALL
    if alert.state is State.FIRING and policy.keep_firing_for_s > 0:
        cleared_at = now if alert.cleared_at is None else alert.cleared_at
        if now - cleared_at < policy.keep_firing_for_s:
            return Event.LINGER
    return ending


def _event_while_met(alert: Alert, policy: AlertPolicy, now: float, *, is_held: bool) -> Event:
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
    is_durable = before is None or to.reason is not None or _durable(before) != _durable(after)
    return Step(before, after, alert.state, to.reason, is_durable)


def _durable(alert: Alert) -> tuple[object, ...]:
    """What a restart must not forget; values and the time of the last look may be a little older."""
    return (
        alert.state, alert.active_at, alert.fired_at, alert.held_at, alert.cleared_at, alert.health, alert.detail,
        alert.quiet_since,
    )  # fmt: skip
