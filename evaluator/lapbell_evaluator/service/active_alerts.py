"""The alerts that a receiver of single alerts is notified of: those that fire, and those that fired a while ago."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lapbell_evaluator.alerts import RESOLVED_RETENTION_S, AlertStore
from lapbell_evaluator.evaluation import CompiledRule, RuleRegistry
from lapbell_evaluator.model import Alert, AlertId, State

__all__ = ["ActiveAlert", "ActiveAlerts"]


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert that fires or fired within the last 15 minutes.

    Attributes:
        alert: as it is, or as it last fired.
        rule: its rule.
        interval_s: between the evaluations of its group; 0 if that exists no more.
        ended_at: Unix seconds of its end; None while it fires.
    """

    alert: Alert
    rule: CompiledRule
    interval_s: float
    ended_at: float | None = None

    @property
    def id(self) -> AlertId:
        """The rule's key and the alert's labels."""
        return (self.alert.rule, self.alert.labels)


@dataclass(frozen=True, slots=True)
class ActiveAlerts:
    """Reads them.

    Attributes:
        store: the alerts.
        registry: the rules.
    """

    store: AlertStore
    registry: RuleRegistry

    def every(self, now: float) -> Iterator[ActiveAlert]:
        """The alerts of every group at Unix seconds `now`."""
        return self.of_groups({group.key for group in self.registry.groups}, now)

    def of_groups(self, evaluated: Collection[str], now: float) -> Iterator[ActiveAlert]:
        """The alerts of some groups, and of groups that exist no more; one that was resolved by hand has ended.

        Args:
            evaluated: keys of groups.
            now: Unix seconds.
        """
        intervals = {group.key: group.interval_s for group in self.registry.groups}
        for group in self.registry.groups:
            if group.key in evaluated:
                for rule in group.rules:
                    yield from self._of_rule(rule, group.interval_s, now)
        for alert, ended_at in (*self._recovering(), *self._resolved(now)):
            is_asked = alert.group in evaluated or alert.group not in intervals
            rule_then = self.registry.rule(alert.rule)
            if is_asked and rule_then is not None:
                yield ActiveAlert(alert, rule_then, intervals.get(alert.group, 0.0), ended_at)

    def has(self, key: AlertId) -> bool:
        """Whether an alert is not inactive, may return in its incident, or has ended within the last 15 minutes."""
        rule, labels = key
        store = self.store
        return labels in store.of_rule(rule) or key in store.recovering.alerts or key in store.recently_resolved

    def recovering(self) -> Iterator[Alert]:
        """The alerts that others must take for firing while their incident recovers, as they last fired."""
        return (alert for alert, _ in self._recovering())

    def _recovering(self) -> Iterator[tuple[Alert, None]]:
        """An Alertmanager knows no recovering: were it told of the end, the return would page again."""
        for (key, labels), alert in self.store.recovering.alerts.items():
            again = self.store.of_rule(key).get(labels)
            if self._ends_with_incident(key) and (again is None or again.state is State.PENDING):
                yield alert, None

    def _resolved(self, now: float) -> Iterator[tuple[Alert, float]]:
        """The alerts that ended within the last 15 minutes and are not back, each with its end or its incident's."""
        recently = self.store.recently_resolved
        ended, recovered = recently.since(now), recently.recovered_since(now)
        for key in {**ended, **recovered}:
            rule, labels = key
            if self._ends_with_incident(rule):
                resolved = None if key in self.store.recovering.alerts else recovered.get(key) or ended.get(key)
            else:
                resolved = ended.get(key)
            if resolved is not None and labels not in self.store.of_rule(rule):
                yield resolved.alert, resolved.at

    def _ends_with_incident(self, key: str) -> bool:
        rule = self.registry.rule(key)
        return rule is not None and rule.ends_with_incident

    def _of_rule(self, rule: CompiledRule, interval_s: float, now: float) -> Iterator[ActiveAlert]:
        for alert in self.store.of_rule(rule.key).values():
            if alert.state is State.FIRING:
                yield ActiveAlert(alert, rule, interval_s)
            elif alert.fired_at is not None and _was_held_recently(alert, now):
                yield ActiveAlert(alert, rule, interval_s, alert.held_at)


def _was_held_recently(alert: Alert, now: float) -> bool:
    return alert.held_at is not None and now - alert.held_at < RESOLVED_RETENTION_S
