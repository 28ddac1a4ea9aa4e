"""Alerts that others found: they live in the same store, and end when their sender says so or falls silent.

Source: Alertmanager, api/v2 and types: an alert without an end is over when nobody repeated it for the resolve timeout.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from lapbell_evaluator.alerts import AlertPolicy, AlertStore, Condition, EvaluationResult
from lapbell_evaluator.evaluation import AlertCommitter
from lapbell_evaluator.model import (
    EXTERNAL_RULE,
    AlertView,
    Clock,
    EvaluatorError,
    Labels,
    Muter,
    PostableAlert,
    State,
    fingerprint,
)
from lapbell_evaluator.rules import REOPEN_WITHIN_S
from lapbell_evaluator.rules.extensions import ExtensionError, reopen_within_s
from lapbell_evaluator.service.muting import Muting

__all__ = ["ExternalAlerts", "InvalidAlertError"]

_POLICY: Final = AlertPolicy(group=EXTERNAL_RULE, rule=EXTERNAL_RULE)
_RESOLVE_TIMEOUT_S: Final = 300.0
_FAULTS_SHOWN: Final = 3


class InvalidAlertError(EvaluatorError):
    """An alert that can't be: it has no labels, or it ends before it starts."""


class ExternalAlerts:
    """The alerts of others.

    Args:
        store: where they live; those of an earlier life have as long to be repeated as new ones.
        committer: writes what becomes of them.
        muting: which of them are silenced or inhibited.
        clock: the time.
        reopen_within_s: how long those that end may return as the same incident, where they do not say so themselves by
            the annotation `lapbell_reopen_within`.

    Attributes:
        reopen_within_s: as it is now.
    """

    def __init__(
        self,
        store: AlertStore,
        committer: AlertCommitter,
        muting: Muting,
        clock: Clock,
        reopen_within_s: float = REOPEN_WITHIN_S,
    ) -> None:
        self._store = store
        self._committer = committer
        self._muting = muting
        self._clock = clock
        self.reopen_within_s = reopen_within_s
        until = clock.now() + _RESOLVE_TIMEOUT_S
        annotations = {incident.labels: incident.annotations for incident in store.incidents.values()}
        self._alerts = {
            alert.labels: PostableAlert(alert.labels, annotations.get(alert.labels, ()), alert.active_at, until)
            for alert in store.of_rule(EXTERNAL_RULE).values()
        }

    async def post(self, alerts: Sequence[PostableAlert]) -> None:
        """Take alerts, new or repeated or over.

        Raises:
            InvalidAlertError: some of them can't be; the others are taken, as by Alertmanager.
        """
        now = self._clock.now()
        timed = [_timed(alert, now) for alert in alerts]
        faults = {alert: fault for alert in timed if (fault := _fault(alert))}
        valid = {alert.labels: alert for alert in timed if alert not in faults}
        if valid:
            self._alerts.update(valid)
            await self._commit({labels: _condition(alert, now) for labels, alert in valid.items()}, now)
        if faults:
            shown = "; ".join(f"{dict(alert.labels)}: {fault}" for alert, fault in [*faults.items()][:_FAULTS_SHOWN])
            raise InvalidAlertError(f"{len(faults)} of {len(alerts)} alerts can't be: {shown}.")

    async def expire(self) -> None:
        """End those whose end has come, or that nobody repeated."""
        now = self._clock.now()
        over = [alert.labels for alert in self._alerts.values() if _end(alert) <= now]
        if over:
            await self._commit(dict.fromkeys(over, Condition.EMPTY), now)

    def views(self) -> tuple[AlertView, ...]:
        """Those that are not over, by labels."""
        muter = self._muting.muter()
        return tuple(self._view(labels, muter) for labels in sorted(self._store.of_rule(EXTERNAL_RULE)))

    def _view(self, labels: Labels, muter: Muter) -> AlertView:
        alert, muted = self._store.of_rule(EXTERNAL_RULE)[labels], muter(labels)
        external = self._alerts[labels]
        started = alert.active_at if external.starts_at is None else external.starts_at
        return AlertView(
            alert=replace(
                alert, active_at=started, fired_at=started if alert.state is State.FIRING else alert.fired_at
            ),
            annotations=external.annotations,
            fingerprint=fingerprint(labels),
            silenced_by=muted.silenced_by,
            inhibited_by=muted.fingerprints,
            maintained_by=muted.maintained_by,
        )

    async def _commit(self, conditions: Mapping[Labels, Condition], now: float) -> None:
        external = {labels: self._alerts[labels] for labels in conditions}
        results: dict[AlertPolicy, list[EvaluationResult]] = {}
        for labels, condition in conditions.items():
            results.setdefault(self._policy(external[labels]), []).append(EvaluationResult(labels, labels, condition))
        await self._committer.commit(
            partial(self._store.plan, [*results.items()], now),
            annotations={labels: alert.annotations for labels, alert in external.items()},
        )
        active = self._store.of_rule(EXTERNAL_RULE)
        for labels, alert in external.items():  # these alone: what others post meanwhile is not in the store yet
            if labels not in active and self._alerts.get(labels) is alert:
                del self._alerts[labels]

    def _policy(self, alert: PostableAlert) -> AlertPolicy:
        """What cannot be read as a duration says nothing: it is for its sender to mend."""
        try:
            own = reopen_within_s(dict(alert.annotations))
        except ExtensionError:
            own = None
        return replace(_POLICY, reopen_within_s=self.reopen_within_s if own is None else own)


def _timed(alert: PostableAlert, now: float) -> PostableAlert:
    ends_at = now + _RESOLVE_TIMEOUT_S if alert.ends_at is None else alert.ends_at
    starts_at = min(now, ends_at) if alert.starts_at is None else alert.starts_at
    return replace(alert, starts_at=starts_at, ends_at=ends_at)


def _fault(alert: PostableAlert) -> str:
    """Why a timed alert can't be; empty if it can."""
    if not alert.labels:
        return "without labels it has no identity"
    is_backwards = alert.starts_at is not None and alert.ends_at is not None and alert.ends_at < alert.starts_at
    return "it can't end before it starts" if is_backwards else ""


def _end(alert: PostableAlert) -> float:
    return math.inf if alert.ends_at is None else alert.ends_at


def _condition(alert: PostableAlert, now: float) -> Condition:
    return Condition.MET if _end(alert) > now else Condition.CLEARED
