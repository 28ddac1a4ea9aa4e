"""When incidents that recover are told as resolved: once they were watched for as long as they may return."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Final

from lapbell_evaluator.alerts import AlertStore, IncidentEvent, due_at
from lapbell_evaluator.evaluation.committer import AlertCommitter
from lapbell_evaluator.evaluation.registry import RuleRegistry
from lapbell_evaluator.evaluation.rule_evaluator import RuleEvaluator
from lapbell_evaluator.model import EXTERNAL_RULE, Incident, RuleStatus

__all__ = ["Recoveries"]

_REPEATED_WITHIN_S: Final = 300.0
"""As long as an alert of others may go without being repeated."""


class Recoveries:
    """Ends the recovery of incidents.

    Args:
        store: the alerts.
        registry: the rules.
        committer: writes what changes.
        rule_evaluator: knows which rules have data for as long as they look back.
        status: how the last evaluation of each rule went, by key.
        started_at: Unix seconds since when this evaluator watches.
    """

    def __init__(
        self,
        store: AlertStore,
        registry: RuleRegistry,
        committer: AlertCommitter,
        rule_evaluator: RuleEvaluator,
        status: Mapping[str, RuleStatus],
        started_at: float,
    ) -> None:
        self._store = store
        self._registry = registry
        self._committer = committer
        self._rule_evaluator = rule_evaluator
        self._status = status
        self._started_at = started_at

    async def end_due(self, now: float) -> None:
        """Resolve those whose wait is over at Unix seconds `now` and that an evaluation since then did not see return.

        Raises:
            EvaluatorError: nothing was written; they are due again after the next evaluation.
        """
        due = [incident.key for incident in self._store.recovering.due(now) if self._is_watched(incident, now)]
        if due:
            await self._committer.commit(partial(self._store.end_recoveries, due, IncidentEvent.WAIT_OVER, now))

    async def end_removed(self, now: float) -> None:
        """Resolve those whose rules are no more.

        Raises:
            EvaluatorError: nothing was written.
        """
        rules = self._registry.rules.keys() | {EXTERNAL_RULE}
        removed = [
            incident.key
            for incident in self._store.recovering
            if all(alert.rule not in rules for alert in incident.last_fired)
        ]
        if removed:
            await self._committer.commit(partial(self._store.end_recoveries, removed, IncidentEvent.RULES_REMOVED, now))

    def _is_watched(self, incident: Incident, now: float) -> bool:
        """Whether a return would have been seen: an error or a cold window after a restart sees none."""
        return all(self._has_seen(alert.rule, incident, now) for alert in incident.last_fired)

    def _has_seen(self, key: str, incident: Incident, now: float) -> bool:
        recovering_at = -math.inf if incident.recovering_at is None else incident.recovering_at
        if key == EXTERNAL_RULE:
            return now >= self._started_at + _REPEATED_WITHIN_S or recovering_at >= self._started_at
        rule, status = self._registry.rules.get(key), self._status.get(key)
        if rule is None:
            return True
        is_evaluated = status is not None and status.evaluated_at >= due_at(incident) and not status.error
        return is_evaluated and self._rule_evaluator.is_warm(rule, now)
