"""Where alerts stand for those who are told of each alert by itself: what fires, and what fired a while ago."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.recently_resolved import KEPT_S, RecentlyResolved
from lapbell_evaluator.model import Alert, AlertId, State

__all__ = ["ActiveAlert", "ActiveAlerts"]


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert that fires or fired.

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
        ended: those that are over.
        groups: the rule groups as they are now.
    """

    store: AlertStore
    ended: RecentlyResolved
    groups: Callable[[], Sequence[CompiledGroup]]

    def of(self, evaluated: Collection[str], now: float) -> Iterator[ActiveAlert]:
        """The alerts of some groups, and of groups that exist no more; one that was resolved by hand has ended.

        Args:
            evaluated: keys of groups.
            now: Unix seconds.
        """
        intervals = {group.key: group.interval_s for group in self.groups()}
        for group in self.groups():
            if group.key in evaluated:
                for rule in group.rules:
                    yield from self._of_rule(rule, group.interval_s, now)
        for (rule_key, labels), each in self.ended.lately(now).items():
            is_asked = each.alert.group in evaluated or each.alert.group not in intervals
            if is_asked and labels not in self.store.of_rule(rule_key):
                yield ActiveAlert(each.alert, each.rule, intervals.get(each.alert.group, 0.0), each.at)

    def knows(self, key: AlertId) -> bool:
        """Whether an alert is not inactive, or has ended lately."""
        rule, labels = key
        return labels in self.store.of_rule(rule) or key in self.ended

    def _of_rule(self, rule: CompiledRule, interval_s: float, now: float) -> Iterator[ActiveAlert]:
        for alert in self.store.of_rule(rule.key).values():
            if alert.state is State.FIRING:
                yield ActiveAlert(alert, rule, interval_s)
            elif alert.fired_at is not None and alert.held_at is not None and now - alert.held_at < KEPT_S:
                yield ActiveAlert(alert, rule, interval_s, alert.held_at)
