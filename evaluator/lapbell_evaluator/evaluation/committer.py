"""Every change of alerts passes here: planned, annotated, written, applied, published. It reads from top to bottom."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final

from lapbell_evaluator.alerts import AlertStore, ChangeSet, judged
from lapbell_evaluator.evaluation.annotator import Annotator
from lapbell_evaluator.evaluation.compiled import CompiledGroup
from lapbell_evaluator.evaluation.ports import AlertDatabase
from lapbell_evaluator.evaluation.registry import RuleRegistry
from lapbell_evaluator.model import NOBODY, Alert, Change, Incident, Labels, Recipients, State, Transition

__all__ = ["AlertCommitter"]

_EVIDENCE_GROWS_S: Final = 60.0
_EVIDENCE_AT_ONCE: Final = 20


class AlertCommitter:
    """Commits changes of alerts, one at a time.

    Args:
        store: the alerts.
        registry: the rules.
        database: where alerts are written.
        annotator: renders annotations and collects evidence.
        recipients: who is notified of a transition, by the outbox.
    """

    def __init__(
        self,
        store: AlertStore,
        registry: RuleRegistry,
        database: AlertDatabase,
        annotator: Annotator,
        recipients: Recipients = NOBODY,
    ) -> None:
        self._store = store
        self._registry = registry
        self._database = database
        self._annotator = annotator
        self._recipients = recipients
        self._writing = asyncio.Lock()
        self._on_transition: list[Callable[[Transition], None]] = []
        self._on_evaluated: list[Callable[[Collection[str]], None]] = []

    def subscribe(self, subscriber: Callable[[Transition], None]) -> Callable[[], None]:
        """Call `subscriber` with every transition once it is written; returns what ends that."""
        self._on_transition.append(subscriber)
        return lambda: self._on_transition.remove(subscriber)

    def subscribe_evaluated(self, subscriber: Callable[[Collection[str]], None]) -> None:
        """Call `subscriber` with the keys of the groups that were evaluated, or whose alerts moved otherwise."""
        self._on_evaluated.append(subscriber)

    async def commit(
        self,
        plan: Callable[[], ChangeSet],
        *,
        evaluated: CompiledGroup | None = None,
        is_watched: bool = False,
        annotations: Mapping[Labels, Labels] = MappingProxyType({}),
    ) -> ChangeSet:
        """Plan a change, annotate, write, apply and publish it: all or nothing.

        Args:
            plan: makes the change set from the store as it is; called in a thread.
            evaluated: the group whose evaluation this is; None if it is none.
            is_watched: whether the evaluation looked at every pending alert of the group.
            annotations: of alerts that no rule of ours has, by labels.

        Raises:
            EvaluatorError: nothing was written, and nothing changed.
        """
        async with self._writing:
            change_set = await asyncio.to_thread(plan)
            change = await self._annotated(change_set, annotations)
            change = await self._judged(change, change_set.at)
            if is_watched and evaluated is not None and _has_pending(change_set):
                change = replace(change, watched=((evaluated.key, change_set.at),))
            await self._database.commit(change, self._recipients)  # also of nothing: another may have taken over
            change_set = replace(change_set, change=change)
            self._store.apply(change_set)
        self._publish(change_set, evaluated)
        return change_set

    async def grow_evidence(self, group: CompiledGroup, now: float) -> None:
        """Collect evidence again while spans of an incident's first minute may still arrive; nobody is notified."""
        alerts = (alert for rule in group.rules for alert in self._store.of_rule(rule.key).values())
        keys = sorted({alert.incident for alert in alerts})
        incidents = [self._store.incidents[key] for key in keys if key in self._store.incidents]
        leads = [(incident, lead) for incident in incidents if (lead := self._lead(incident)) is not None]
        young = [  # an incident that is reopened fired before, its alert fires anew
            (incident, lead)
            for incident, lead in leads
            if lead.fired_at is not None and 0 < now - lead.fired_at <= _EVIDENCE_GROWS_S
        ]
        for incident, lead in young[:_EVIDENCE_AT_ONCE]:
            evidence = await self._annotator.evidence(lead, now)
            if evidence is not None:
                await self.commit(partial(self._store.evidence_added, incident, evidence, now))

    def _lead(self, incident: Incident) -> Alert | None:
        return next((alert for alert in self._store.of_incident(incident.key) if alert.labels == incident.labels), None)

    async def _annotated(self, change_set: ChangeSet, annotations: Mapping[Labels, Labels]) -> Change:
        change = change_set.change
        if not change.transitions:
            return change
        alerts: dict[Labels, Alert] = {alert.labels: alert for alert in (*change_set.ended, *change_set.alerts)}
        marks = self._store.storms.marks(change, change_set.at)
        return await self._annotator.annotated(
            change, self._registry, alerts, change_set.at, annotations=annotations, marks=marks
        )

    async def _judged(self, change: Change, at: float) -> Change:
        """With causes and problems: what is known of others by now may say more than what was known when they began."""
        if not change.incidents:
            return change
        others = self._store.problems.to_look_at_again(change, at, _EVIDENCE_GROWS_S)
        leads = [(other, lead) for other in others if (lead := self._lead(other)) is not None]
        collected = await asyncio.gather(*(self._annotator.evidence(lead, at) for _, lead in leads))
        grown = tuple(
            incident
            for (other, _), evidence in zip(leads, collected, strict=True)
            if evidence is not None
            for incident in self._store.evidence_added(other, evidence, at).change.incidents
        )
        change = replace(change, incidents=(*change.incidents, *grown))
        return await asyncio.to_thread(judged, self._store.problems, change, at)

    def _publish(self, change_set: ChangeSet, evaluated: CompiledGroup | None) -> None:
        for transition in change_set.change.transitions:
            for subscriber in tuple(self._on_transition):
                subscriber(transition)
        moved = (*change_set.alerts, *change_set.recovered)
        groups = {alert.group for alert in moved} if evaluated is None else {evaluated.key}
        for notified in self._on_evaluated:
            notified(groups)


def _has_pending(change_set: ChangeSet) -> bool:
    return any(alert.state is State.PENDING for alert in change_set.alerts)
