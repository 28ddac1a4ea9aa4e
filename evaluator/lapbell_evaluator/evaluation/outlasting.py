"""Incidents that breach on although what explained them has ended: they are problems of their own after a while."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from lapbell_evaluator.alerts import AlertStore, Condition, ResultsByRule
from lapbell_evaluator.evaluation.committer import AlertCommitter
from lapbell_evaluator.evaluation.compiled import CompiledRule

__all__ = ["end_explanations"]

_AFTER_WINDOW_S: Final = 60.0
_EVIDENT_S: Final = 300.0
"""A rule that is trusted before it has watched for as long as it reads (`lapbell_warm_after`) reads farther back for
what hardly ever happens: the rest is evident within five minutes."""


async def end_explanations(
    store: AlertStore, committer: AlertCommitter, rules: Sequence[CompiledRule], results: ResultsByRule, now: float
) -> None:
    """Tell of each incident whose condition is met by what came after its cause, longer than its window and a minute.

    Args:
        store: the alerts.
        committer: writes what changes.
        rules: that were evaluated.
        results: of each of them.
        now: Unix seconds of the evaluation.

    Raises:
        EvaluatorError: nothing was written.
    """
    waiting = store.problems.without_cause()
    if not waiting:
        return
    window_s = {rule.key: _window_s(rule) for rule in rules}
    met = {
        (policy.rule, result.labels) for policy, seen in results for result in seen if result.condition is Condition.MET
    }
    due = [
        incident.key
        for incident in waiting
        for alert in store.of_incident(incident.key)
        if (alert.rule, alert.labels) in met
        and alert.labels == incident.labels
        and incident.cause_ended_at is not None
        and now >= incident.cause_ended_at + window_s[alert.rule] + _AFTER_WINDOW_S
    ]
    if due:
        await committer.commit(partial(store.outlast, due, now))


def _window_s(rule: CompiledRule) -> float:
    """How far back what a rule says may lie."""
    reach_s = max(rule.reach_s.values(), default=rule.window_s)
    return min(reach_s, max(rule.window_s, _EVIDENT_S))
