"""Groups, rules and alerts as people and Prometheus' clients read them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.alerts import AlertStore
from lapbell_evaluator.evaluation.annotator import Annotator
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.model import Alert, AlertView, GroupView, Muter, RuleStatus, RuleView, State, fingerprint

__all__ = ["RuleViews"]

_TURN: Final = 100
_WORST_FIRST: Final = (State.FIRING, State.PENDING)


@dataclass(frozen=True, slots=True)
class RuleViews:
    """Reads groups at one instant.

    Attributes:
        store: the alerts.
        status: how the last evaluation of each rule went, by key.
        annotator: renders annotations.
        muting: says who is not told.
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
        done = [rule.status for rule in rules if rule.status is not None]
        return GroupView(
            group=group.group,
            interval_s=group.interval_s,
            rules=tuple(rules),
            evaluated_at=max((each.evaluated_at for each in done), default=None),
            duration_s=sum(each.duration_s for each in done),
        )

    async def _rule(self, rule: CompiledRule, muter: Muter) -> RuleView:
        alerts = sorted(self.store.of_rule(rule.key).values(), key=lambda each: each.labels)
        states = {each.state for each in alerts}
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
        for number, each in enumerate(alerts):
            if number % _TURN == 0:
                await asyncio.sleep(0)  # thousands of texts: let others have their turn
            views.append(await self._alert(rule, each, muter))
        return tuple(views)

    async def _alert(self, rule: CompiledRule, alert: Alert, muter: Muter) -> AlertView:
        muted = muter(alert.labels)
        return AlertView(
            alert=alert,
            annotations=await self.annotator.annotations(rule, alert, self.now),
            fingerprint=fingerprint(alert.labels),
            silenced_by=muted.silenced_by,
            inhibited_by=muted.fingerprints,
        )
