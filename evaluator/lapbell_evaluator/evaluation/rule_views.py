"""Groups, rules and alerts as people and Prometheus' clients read them."""

from collections.abc import Mapping
from typing import Final

from lapbell_evaluator.alerts import Book
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.testimony import Testimony
from lapbell_evaluator.model import AlertView, GroupView, RuleStatus, RuleView, State, fingerprint

__all__ = ["group_view"]

_WORST_FIRST: Final = (State.FIRING, State.PENDING)


async def group_view(
    group: CompiledGroup, book: Book, status: Mapping[str, RuleStatus], testimony: Testimony, now: float
) -> GroupView:
    """One group at one instant.

    Args:
        group: the group.
        book: the alerts.
        status: how the last evaluation of each rule went, by key.
        testimony: renders annotations.
        now: Unix seconds.
    """
    rules = [await _rule_view(rule, book, status.get(rule.key), testimony, now) for rule in group.rules]
    done = [rule.status for rule in rules if rule.status is not None]
    return GroupView(
        group=group.group,
        interval_s=group.interval_s,
        rules=tuple(rules),
        evaluated_at=max((each.evaluated_at for each in done), default=None),
        duration_s=sum(each.duration_s for each in done),
    )


async def _rule_view(
    rule: CompiledRule, book: Book, status: RuleStatus | None, testimony: Testimony, now: float
) -> RuleView:
    alerts = sorted(book.of_rule(rule.key).values(), key=lambda each: each.labels)
    views = [
        AlertView(
            each,
            await testimony.annotations(rule, each.labels, each.series, each.value, now),
            fingerprint(each.labels),
        )
        for each in alerts
    ]
    states = {each.state for each in alerts}
    return RuleView(
        rule=rule.rule,
        key=rule.key,
        labels=rule.labels,
        state=next((state for state in _WORST_FIRST if state in states), State.INACTIVE),
        alerts=tuple(views),
        status=status,
    )
