"""Groups, rules and alerts as people and Prometheus' clients read them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.alerts import Book
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.evaluation.testimony import Testimony
from lapbell_evaluator.model import Alert, AlertView, GroupView, Mutes, RuleStatus, RuleView, State, fingerprint

__all__ = ["RuleViews"]

_TURN: Final = 100
_WORST_FIRST: Final = (State.FIRING, State.PENDING)


@dataclass(frozen=True, slots=True)
class RuleViews:
    """Reads groups at one instant.

    Attributes:
        book: the alerts.
        status: how the last evaluation of each rule went, by key.
        testimony: renders annotations.
        muting: says who is not told.
        now: Unix seconds.
    """

    book: Book
    status: Mapping[str, RuleStatus]
    testimony: Testimony
    muting: Muting
    now: float

    async def group(self, group: CompiledGroup) -> GroupView:
        """One group."""
        mutes = self.muting.judge()
        rules = [await self._rule(rule, mutes) for rule in group.rules]
        done = [rule.status for rule in rules if rule.status is not None]
        return GroupView(
            group=group.group,
            interval_s=group.interval_s,
            rules=tuple(rules),
            evaluated_at=max((each.evaluated_at for each in done), default=None),
            duration_s=sum(each.duration_s for each in done),
        )

    async def _rule(self, rule: CompiledRule, mutes: Mutes) -> RuleView:
        alerts = sorted(self.book.of_rule(rule.key).values(), key=lambda each: each.labels)
        states = {each.state for each in alerts}
        return RuleView(
            rule=rule.rule,
            key=rule.key,
            labels=rule.labels,
            state=next((state for state in _WORST_FIRST if state in states), State.INACTIVE),
            alerts=await self._alerts(rule, alerts, mutes),
            status=self.status.get(rule.key),
        )

    async def _alerts(self, rule: CompiledRule, alerts: Sequence[Alert], mutes: Mutes) -> tuple[AlertView, ...]:
        views = []
        for number, each in enumerate(alerts):
            if number % _TURN == 0:
                await asyncio.sleep(0)  # thousands of texts: let others have their turn
            views.append(await self._alert(rule, each, mutes))
        return tuple(views)

    async def _alert(self, rule: CompiledRule, alert: Alert, mutes: Mutes) -> AlertView:
        muted = mutes(alert.labels)
        return AlertView(
            alert=alert,
            annotations=await self.testimony.annotations(rule, alert, self.now),
            fingerprint=fingerprint(alert.labels),
            silenced_by=muted.silenced_by,
            inhibited_by=muted.fingerprints,
        )
