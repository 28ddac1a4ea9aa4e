"""Alerts that others found: they live in the same store, and end when their sender says so or falls silent.

Source: Alertmanager, api/v2 and types: an alert without an end is over when nobody repeated it for the resolve timeout.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from lapbell_evaluator.alerts import AlertPolicy, AlertStore, Condition, EvaluationResult
from lapbell_evaluator.evaluation.cycle import Cycle
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.model import AlertView, Clock, EvaluatorError, Labels, Muter, PostableAlert, State, fingerprint

__all__ = ["EXTERNAL", "ExternalAlerts", "InvalidAlertError"]

EXTERNAL: Final = "posted"
_POLICY: Final = AlertPolicy(group=EXTERNAL, rule=EXTERNAL)
_REPEAT_WITHIN_S: Final = 300.0
_FAULTS_SHOWN: Final = 3


class InvalidAlertError(EvaluatorError):
    """An alert that can't be: it has no labels, or it ends before it starts."""


class ExternalAlerts:
    """The alerts of others.

    Args:
        store: where they live; those of an earlier life have as long to be repeated as new ones.
        cycle: writes and tells.
        muting: says who is not told.
        clock: the time.
    """

    def __init__(self, store: AlertStore, cycle: Cycle, muting: Muting, clock: Clock) -> None:
        self._store = store
        self._cycle = cycle
        self._muting = muting
        self._clock = clock
        until = clock.now() + _REPEAT_WITHIN_S
        annotations = {each.labels: each.annotations for each in store.incidents.values()}
        self._known = {
            each.labels: PostableAlert(each.labels, annotations.get(each.labels, ()), each.active_at, until)
            for each in store.of_rule(EXTERNAL).values()
        }

    async def post(self, alerts: Sequence[PostableAlert]) -> None:
        """Take alerts, new or repeated or over.

        Raises:
            InvalidAlertError: some of them can't be; the others are taken, as by Alertmanager.
        """
        now = self._clock.now()
        timed = [_timed(each, now) for each in alerts]
        faults = {each: fault for each in timed if (fault := _fault(each))}
        taken = {each.labels: each for each in timed if each not in faults}
        if taken:
            self._known.update(taken)
            await self._settle({labels: _condition(each, now) for labels, each in taken.items()}, now)
        if faults:
            shown = "; ".join(f"{dict(each.labels)}: {fault}" for each, fault in [*faults.items()][:_FAULTS_SHOWN])
            raise InvalidAlertError(f"{len(faults)} of {len(alerts)} alerts can't be: {shown}.")

    async def expire(self) -> None:
        """End those whose end has come, or that nobody repeated."""
        now = self._clock.now()
        over = [each.labels for each in self._known.values() if _end(each) <= now]
        if over:
            await self._settle(dict.fromkeys(over, Condition.EMPTY), now)

    def views(self) -> tuple[AlertView, ...]:
        """Those that are not over, by labels."""
        muter = self._muting.muter()
        return tuple(self._view(labels, muter) for labels in sorted(self._store.of_rule(EXTERNAL)))

    def _view(self, labels: Labels, muter: Muter) -> AlertView:
        alert, muted = self._store.of_rule(EXTERNAL)[labels], muter(labels)
        known = self._known[labels]
        started = alert.active_at if known.starts_at is None else known.starts_at
        return AlertView(
            alert=replace(
                alert, active_at=started, fired_at=started if alert.state is State.FIRING else alert.fired_at
            ),
            annotations=known.annotations,
            fingerprint=fingerprint(labels),
            silenced_by=muted.silenced_by,
            inhibited_by=muted.fingerprints,
        )

    async def _settle(self, conditions: dict[Labels, Condition], now: float) -> None:
        seen = [(_POLICY, [EvaluationResult(labels, labels, condition) for labels, condition in conditions.items()])]
        said = {labels: self._known[labels] for labels in conditions}
        texts = {labels: each.annotations for labels, each in said.items()}
        await self._cycle.settle(partial(self._store.plan, seen, now), (), now, texts=texts)
        alive = self._store.of_rule(EXTERNAL)
        for labels, each in said.items():  # these alone: what others post meanwhile is not in the store yet
            if labels not in alive and self._known.get(labels) is each:
                del self._known[labels]


def _timed(alert: PostableAlert, now: float) -> PostableAlert:
    ends_at = now + _REPEAT_WITHIN_S if alert.ends_at is None else alert.ends_at
    starts_at = min(now, ends_at) if alert.starts_at is None else alert.starts_at
    return replace(alert, starts_at=starts_at, ends_at=ends_at)


def _fault(alert: PostableAlert) -> str:
    """Why a timed alert can't be; empty if it can."""
    if not alert.labels:
        return "without labels it has no identity"
    is_backwards = alert.starts_at is not None and alert.ends_at is not None and alert.ends_at < alert.starts_at
    return "it can't end before it starts" if is_backwards else ""


def _end(alert: PostableAlert) -> float:
    return float("inf") if alert.ends_at is None else alert.ends_at


def _condition(alert: PostableAlert, now: float) -> Condition:
    return Condition.MET if _end(alert) > now else Condition.CLEARED
