"""The alerts that fired and have ended, for as long as an Alertmanager is reminded of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from lapbell_evaluator.alerts.change_set import ChangeSet
from lapbell_evaluator.model import Alert, AlertId

__all__ = ["RESOLVED_RETENTION_S", "RecentlyResolved", "ResolvedAlert"]

RESOLVED_RETENTION_S: Final = 900.0
"""As long as Prometheus sends a resolved alert again: an Alertmanager that was away for so long is still notified."""


@dataclass(frozen=True, slots=True)
class ResolvedAlert:
    """An alert that is over.

    Attributes:
        alert: as it last fired.
        at: Unix seconds of its end.
    """

    alert: Alert
    at: float


class RecentlyResolved:
    """Remembers them in memory: what a restart forgets, an Alertmanager ends by itself, by the alert's `endsAt`."""

    def __init__(self) -> None:
        self._alerts: dict[AlertId, ResolvedAlert] = {}
        self._after_recovery: dict[AlertId, ResolvedAlert] = {}

    def apply(self, change_set: ChangeSet) -> None:
        """Remember the alerts that a written change set ended, or whose incident; what never fired was never sent."""
        fired = (alert for alert in change_set.ended if alert.fired_at is not None)
        self._remember(self._alerts, fired, change_set.at)
        self._remember(self._after_recovery, change_set.recovered, change_set.at)
        self._forget(change_set.at)

    def since(self, now: float) -> Mapping[AlertId, ResolvedAlert]:
        """Those that ended less than 15 minutes before Unix seconds `now`."""
        self._forget(now)
        return self._alerts

    def recovered_since(self, now: float) -> Mapping[AlertId, ResolvedAlert]:
        """Those whose incident was resolved less than 15 minutes before Unix seconds `now`, after it recovered."""
        self._forget(now)
        return self._after_recovery

    def __contains__(self, key: AlertId) -> bool:
        return key in self._alerts or key in self._after_recovery

    def _remember(self, ended: dict[AlertId, ResolvedAlert], alerts: Iterable[Alert], at: float) -> None:
        for alert in alerts:
            key = (alert.rule, alert.labels)
            ended.pop(key, None)  # the last to end is the last of them
            ended[key] = ResolvedAlert(alert, at)

    def _forget(self, now: float) -> None:
        """Those that are over for too long: whether or not anybody asks."""
        for ended in (self._alerts, self._after_recovery):
            for key in [*takewhile(lambda key: now - ended[key].at >= RESOLVED_RETENTION_S, ended)]:  # noqa: B023 # within the loop
                del ended[key]
