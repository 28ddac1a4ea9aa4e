"""Groups, rules and alerts as people and Prometheus' clients read them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.evaluation import Annotator, CompiledGroup, CompiledRule
from lapbell_evaluator.model import Alert, AlertView, GroupView, Muter, RuleStatus, RuleView, State, fingerprint
from lapbell_evaluator.service.muting import Muting

__all__ = ["RuleViews"]

_YIELD_EVERY: Final = 20
_WORST_FIRST: Final = (State.FIRING, State.PENDING)


@dataclass(frozen=True, slots=True)
class RuleViews:
    """Reads groups at one instant.

    Attributes:
        store: the alerts.
        status: how the last evaluation of each rule went, by key.
        annotator: renders annotations.
        muting: which alerts are silenced or inhibited.
        now: Unix seconds.
    """

    store: AlertStore
    status: Mapping[str, RuleStatus]
    annotator: Annotator
    muting: Muting
    now: float

    async def group(self, group: CompiledGroup) -> GroupView:
        """One group."""
        muter = self.muting.muter()
        rules = [await self._rule(rule, muter) for rule in group.rules]
        evaluated = [rule.status for rule in rules if rule.status is not None]
        return GroupView(
            group=group.group,
            interval_s=group.interval_s,
            rules=tuple(rules),
            evaluated_at=max((status.evaluated_at for status in evaluated), default=None),
            duration_s=sum(status.duration_s for status in evaluated),
        )

    async def _rule(self, rule: CompiledRule, muter: Muter) -> RuleView:
        alerts = sorted(self.store.of_rule(rule.key).values(), key=lambda alert: alert.labels)
        states = {alert.state for alert in alerts}
        return RuleView(
            rule=rule.rule,
            key=rule.key,
            labels=rule.labels,
            state=next((state for state in _WORST_FIRST if state in states), State.INACTIVE),
            alerts=await self._alerts(rule, alerts, muter),
            status=self.status.get(rule.key),
        )

    async def _alerts(self, rule: CompiledRule, alerts: Sequence[Alert], muter: Muter) -> tuple[AlertView, ...]:
        views = []
        for number, alert in enumerate(alerts):
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)  # thousands of texts: let the gates answer in between
            views.append(await self._alert(rule, alert, muter))
        return tuple(views)

    async def _alert(self, rule: CompiledRule, alert: Alert, muter: Muter) -> AlertView:
        muted = muter(alert.labels)
        return AlertView(
            alert=alert,
            annotations=await self.annotator.annotations(rule, alert, self.now),
            fingerprint=fingerprint(alert.labels),
            silenced_by=muted.silenced_by,
            inhibited_by=muted.fingerprints,
            maintained_by=muted.maintained_by,
        )
