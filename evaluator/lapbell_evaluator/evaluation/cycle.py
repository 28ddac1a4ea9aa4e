"""One evaluation of one group, from the query to the commit. It reads from top to bottom."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final

from lapbell_evaluator.alerts import (
    AlertPolicy,
    AlertStore,
    ChangeSet,
    Condition,
    EvaluationResult,
    ResultsByRule,
    Step,
)
from lapbell_evaluator.evaluation.committer import AlertCommitter
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.outlasting import end_explanations
from lapbell_evaluator.evaluation.recorder import Recorder
from lapbell_evaluator.evaluation.rule_evaluator import RuleEvaluator, RuleResult
from lapbell_evaluator.model import Clock, RuleStatus, State

__all__ = ["Cycle"]

_FEW: Final = 20
_SHOWN: Final = (State.PENDING, State.FIRING)


@dataclass(slots=True)
class Cycle:
    """Evaluates groups, one at a time or several at once; they wait for each other in the commit alone.

    Attributes:
        store: the alerts.
        committer: writes what an evaluation changes.
        rule_evaluator: asks the querier.
        recorder: where recorded series and `ALERTS` go; None if they are not recorded.
        clock: the time.
        sharing: a context in which the querier shares what rules have in common.
        status: how the last evaluation of each rule went, by key.
    """

    store: AlertStore
    committer: AlertCommitter
    rule_evaluator: RuleEvaluator
    recorder: Recorder | None
    clock: Clock
    sharing: Callable[[], AbstractContextManager[None]] = nullcontext
    status: dict[str, RuleStatus] = field(default_factory=dict)

    async def evaluate(self, group: CompiledGroup) -> None:
        """Evaluate a group's rules in order, move their alerts, commit.

        Raises:
            EvaluatorError: the change could not be written; the alerts stay as they are.
        """
        now = self.clock.now()
        at = now - group.group.query_offset_s
        results_by_rule: list[tuple[AlertPolicy, Sequence[EvaluationResult]]] = []
        steps: list[Step] = []
        with self.sharing() if group.is_closed else nullcontext():
            for rule in self._evaluated(group):
                started = self.clock.now()
                if rule.is_alerting:
                    alerts = self.store.of_rule(rule.key)
                    outcome = await self.rule_evaluator.evaluate(rule, group.group.limit, at, alerts)
                    rule_steps = await self._steps(rule, outcome.results, now)
                    await self._record_alerts(rule, rule_steps, at)
                    results_by_rule.append((rule.policy, outcome.results))
                    steps.extend(rule_steps)
                else:
                    outcome = await self._record(rule, group.group.limit, at)
                self._note_status(rule, outcome, now, started)
        await self.committer.commit(lambda: self._plan(results_by_rule, steps, now), evaluated=group, is_watched=True)
        await self.committer.grow_evidence(group, now)
        await end_explanations(self.store, self.committer, group.rules, results_by_rule, now)

    async def evaluate_early(self, group: CompiledGroup) -> None:
        """Look for breaches between two intervals: alerts may only be raised.

        Raises:
            EvaluatorError: the change could not be written; the alerts stay as they are.
        """
        now = self.clock.now()
        at = now - group.group.query_offset_s
        results_by_rule: list[tuple[AlertPolicy, Sequence[EvaluationResult]]] = []
        with self.sharing():
            for rule in group.rules:
                if rule.is_alerting:
                    alerts = self.store.of_rule(rule.key)
                    outcome = await self.rule_evaluator.evaluate(rule, group.group.limit, at, alerts, is_early=True)
                    results_by_rule.append((rule.policy, self._raising(rule, outcome.results)))
        await self.committer.commit(lambda: self.store.plan(results_by_rule, now), evaluated=group)

    def _evaluated(self, group: CompiledGroup) -> Sequence[CompiledRule]:
        """The rules of a group; without those that record, if nobody keeps what they make and no other reads it."""
        if self.recorder is None and group.is_closed:
            return [rule for rule in group.rules if rule.is_alerting]
        return group.rules

    async def _steps(self, rule: CompiledRule, results: Sequence[EvaluationResult], now: float) -> Sequence[Step]:
        """What becomes of a rule's alerts; of many in a thread, so that the gates answer meanwhile."""
        if len(results) <= _FEW:
            return self.store.steps(rule.policy, results, now)
        return await asyncio.to_thread(self.store.steps, rule.policy, results, now)

    def _plan(self, results_by_rule: ResultsByRule, steps: Sequence[Step], now: float) -> ChangeSet:
        """From the steps that were made rule by rule; anew if a person moved an alert in between."""
        if self.store.is_current(steps):
            return self.store.change_set(steps, now)
        return self.store.plan(results_by_rule, now)

    async def _record(self, rule: CompiledRule, limit: int, at: float) -> RuleResult:
        outcome, samples = await self.rule_evaluator.record(rule, limit, at)
        if self.recorder is not None and not outcome.error:
            await asyncio.to_thread(self.recorder.write, rule.key, samples, at)
        return outcome

    async def _record_alerts(self, rule: CompiledRule, steps: Sequence[Step], at: float) -> None:
        """`ALERTS` and `ALERTS_FOR_STATE`, before the group's next rule is evaluated: it may read them."""
        if self.recorder is not None and (steps or rule.key in self.recorder.rules()):
            shown = [step.alert for step in steps if step.alert.state in _SHOWN]
            await asyncio.to_thread(self.recorder.alerts, rule.key, shown, at)

    def _note_status(self, rule: CompiledRule, outcome: RuleResult, now: float, started: float) -> None:
        self.status[rule.key] = RuleStatus(
            evaluated_at=now,
            duration_s=max(0.0, self.clock.now() - started),
            error=outcome.error,
            warnings=outcome.warnings,
        )

    def _raising(self, rule: CompiledRule, results: Sequence[EvaluationResult]) -> tuple[EvaluationResult, ...]:
        """Breaches that may begin something: alerts that fire or are held wait for the interval."""
        alerts = self.store.of_rule(rule.key)
        return tuple(
            result
            for result in results
            if result.condition is Condition.MET
            and ((alert := alerts.get(result.labels)) is None or alert.state is State.PENDING)
        )
