"""The alerts that fired and have ended, for as long as an Alertmanager is reminded of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from lapbell_evaluator.evaluation.compiled import CompiledRule
from lapbell_evaluator.model import Alert, AlertId

__all__ = ["KEPT_S", "RecentlyResolved", "ResolvedAlert"]

KEPT_S: Final = 900.0
"""As long as Prometheus sends a resolved alert again: an Alertmanager that was away for so long still hears of it."""


@dataclass(frozen=True, slots=True)
class ResolvedAlert:
    """An alert that is over.

    Attributes:
        alert: as it last fired.
        rule: its rule, which may exist no more.
        at: Unix seconds of its end.
    """

    alert: Alert
    rule: CompiledRule
    at: float


class RecentlyResolved:
    """Remembers them in memory: what a restart forgets, an Alertmanager ends by itself, by the alert's `endsAt`."""

    def __init__(self) -> None:
        self._alerts: dict[AlertId, ResolvedAlert] = {}

    def note(self, alerts: Iterable[Alert], rules: Mapping[str, CompiledRule], at: float) -> None:
        """Take notice of alerts that ended at Unix seconds `at`; those that never fired are nobody's business."""
        for alert in alerts:
            rule = rules.get(alert.rule)
            if alert.fired_at is not None and rule is not None:
                key = (alert.rule, alert.labels)
                self._alerts.pop(key, None)  # the last to end is the last of them
                self._alerts[key] = ResolvedAlert(alert, rule, at)
        self._forget(at)

    def lately(self, now: float) -> Mapping[AlertId, ResolvedAlert]:
        """Those that ended less than 15 minutes before Unix seconds `now`."""
        self._forget(now)
        return self._alerts

    def __contains__(self, key: AlertId) -> bool:
        return key in self._alerts

    def _forget(self, now: float) -> None:
        """Those that are over for too long: whether or not anybody asks."""
        for key in [*takewhile(lambda each: now - self._alerts[each].at >= KEPT_S, self._alerts)]:
            del self._alerts[key]
