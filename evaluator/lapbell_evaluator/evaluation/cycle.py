"""One evaluation of one group, from the question to the news. It reads from top to bottom."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Final

from lapbell_evaluator.alerts import AlertPolicy, AlertStore, ChangeSet, Condition, EvaluationResult, Step
from lapbell_evaluator.database import Database
from lapbell_evaluator.evaluation.annotator import Annotator
from lapbell_evaluator.evaluation.compiled import CompiledGroup, CompiledRule
from lapbell_evaluator.evaluation.recently_resolved import RecentlyResolved
from lapbell_evaluator.evaluation.recorder import Recorder
from lapbell_evaluator.evaluation.rule_evaluator import RuleEvaluator, RuleResult
from lapbell_evaluator.evaluation.storms import Storms
from lapbell_evaluator.model import Alert, Clock, Labels, RuleStatus, State, Transition

__all__ = ["Cycle"]

_EVIDENCE_GROWS_S: Final = 60.0
_EVIDENCE_AT_ONCE: Final = 20
_SHOWN: Final = (State.PENDING, State.FIRING)


@dataclass(slots=True)
class Cycle:
    """Evaluates groups, one at a time or several at once.

    Attributes:
        store: the alerts.
        storms: those that begin together.
        database: where they are written.
        rule_evaluator: what is seen of them.
        annotator: what is said of them.
        recorder: where recorded series go; None if nobody keeps them.
        sharing: a context in which the querier shares what rules have in common.
        clock: the time.
        receivers: who is told.
        publish: called with each transition once it is written.
        status: how the last evaluation of each rule went, by key.
        ended: the alerts that are over.
        writing: plan, write and apply are one step; groups wait for each other here alone.
    """

    store: AlertStore
    storms: Storms
    database: Database
    rule_evaluator: RuleEvaluator
    annotator: Annotator
    recorder: Recorder | None
    sharing: Callable[[], AbstractContextManager[None]]
    clock: Clock
    receivers: Sequence[str]
    publish: Callable[[Transition], None]
    status: dict[str, RuleStatus] = field(default_factory=dict)
    ended: RecentlyResolved = field(default_factory=RecentlyResolved)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def evaluate(self, group: CompiledGroup) -> None:
        """Evaluate a group's rules in order, move their alerts, write, tell."""
        now = self.clock.now()
        at = now - group.group.query_offset_s
        results_by_rule: list[tuple[AlertPolicy, Sequence[EvaluationResult]]] = []
        steps: list[Step] = []
        with self.sharing() if group.is_closed else nullcontext():
            for rule in group.rules:
                started = self.clock.now()
                if rule.is_alerting:
                    seen = await self.rule_evaluator.observe(rule, group.group.limit, at, self.store.of_rule(rule.key))
                    made = await asyncio.to_thread(self.store.steps, rule.policy, seen.results, now)
                    await self._show_alerts(rule, made, at)
                    results_by_rule.append((rule.policy, seen.results))
                    steps.extend(made)
                else:
                    seen = await self._record(rule, group.group.limit, at)
                self._note(rule, seen, now, started)
        await self.settle(lambda: self._plan(results_by_rule, steps, now), group.rules, now, watched=group.key)
        await self._grow_evidence(group, now)

    async def evaluate_early(self, group: CompiledGroup) -> None:
        """Look for breaches between two intervals: alerts may only be raised."""
        now = self.clock.now()
        at = now - group.group.query_offset_s
        results_by_rule: list[tuple[AlertPolicy, Sequence[EvaluationResult]]] = []
        with self.sharing():
            for rule in group.rules:
                if rule.is_alerting:
                    known = self.store.of_rule(rule.key)
                    seen = await self.rule_evaluator.observe(rule, group.group.limit, at, known, is_early=True)
                    results_by_rule.append((rule.policy, self._raising(rule, seen.results)))
        await self.settle(lambda: self.store.plan(results_by_rule, now), group.rules, now)

    async def settle(
        self,
        plan: Callable[[], ChangeSet],
        rules: Sequence[CompiledRule],
        now: float,
        watched: str | None = None,
        texts: Mapping[Labels, Labels] = MappingProxyType({}),
    ) -> ChangeSet:
        """ChangeSet, add what is said, write, apply, tell: all or nothing.

        Args:
            plan: makes the plan from the store as it stands.
            rules: those that the plan may speak of.
            now: Unix seconds.
            watched: the group whose pending alerts were looked at.
            texts: annotations of alerts that no rule of ours has, by labels.
        """
        by_key = {rule.key: rule for rule in rules}
        async with self.writing:
            made = await asyncio.to_thread(plan)
            change = made.change
            if change.transitions:
                alerts: dict[Labels, Alert] = {each.labels: each for each in (*made.ended, *made.alerts)}
                marks = self.storms.marks(change, now)
                change = await self.annotator.added(change, by_key, alerts, now, texts, marks)
            if watched is not None and any(each.state is State.PENDING for each in made.alerts):
                change = replace(change, watched=((watched, now),))
            if not change.is_empty:
                await self.database.commit(change, self.receivers)
            made = replace(made, change=change)
            self.store.apply(made)
            self.ended.note(made.ended, by_key, now)
            self.storms.apply(change)
        for transition in change.transitions:
            self.publish(transition)
        return made

    def _plan(
        self, results_by_rule: Sequence[tuple[AlertPolicy, Sequence[EvaluationResult]]], steps: list[Step], now: float
    ) -> ChangeSet:
        """From the steps that were made rule by rule; anew if a person moved an alert in between."""
        return (
            self.store.change_set(steps, now) if self.store.is_current(steps) else self.store.plan(results_by_rule, now)
        )

    async def _record(self, rule: CompiledRule, limit: int, at: float) -> RuleResult:
        seen, samples = await self.rule_evaluator.recorded(rule, limit, at)
        if self.recorder is not None and not seen.error:
            await asyncio.to_thread(self.recorder.write, rule.key, samples, at)
        return seen

    async def _show_alerts(self, rule: CompiledRule, steps: Sequence[Step], at: float) -> None:
        """`ALERTS` and `ALERTS_FOR_STATE`, before the group's next rule is evaluated."""
        if self.recorder is not None and (steps or rule.key in self.recorder.rules()):
            shown = [each.alert for each in steps if each.alert.state in _SHOWN]
            await asyncio.to_thread(self.recorder.alerts, rule.key, shown, at)

    def _note(self, rule: CompiledRule, seen: RuleResult, now: float, started: float) -> None:
        self.status[rule.key] = RuleStatus(
            evaluated_at=now,
            duration_s=max(0.0, self.clock.now() - started),
            error=seen.error,
            warnings=seen.warnings,
        )

    def _raising(self, rule: CompiledRule, results: Sequence[EvaluationResult]) -> tuple[EvaluationResult, ...]:
        """Breaches that may begin something: alerts that fire or are held wait for the interval."""
        known = self.store.of_rule(rule.key)
        return tuple(
            each
            for each in results
            if each.condition is Condition.MET
            and ((alert := known.get(each.labels)) is None or alert.state is State.PENDING)
        )

    async def _grow_evidence(self, group: CompiledGroup, now: float) -> None:
        """Collect evidence again while spans of an incident's first minute may still arrive; nobody is notified."""
        keys = {each.incident for rule in group.rules for each in self.store.of_rule(rule.key).values()}
        young = [
            each
            for key in sorted(keys)
            if (each := self.store.incidents.get(key)) is not None
            and each.fired_at is not None
            and 0 < now - each.fired_at <= _EVIDENCE_GROWS_S
        ]
        for incident in young[:_EVIDENCE_AT_ONCE]:
            alerts = self.store.of_incident(incident.key)
            lead = next((each for each in alerts if each.labels == incident.labels), None)
            evidence = None if lead is None else await self.annotator.evidence(lead, now)
            if evidence is not None:
                await self.settle(partial(self.store.evidence_added, incident, evidence), (), now)
