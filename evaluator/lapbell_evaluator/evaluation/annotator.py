"""What is added to a change before it is written: rendered annotations, evidence, the storms of incidents."""

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from lapbell_evaluator.alerts import Marks
from lapbell_evaluator.evaluation.compiled import CompiledRule
from lapbell_evaluator.evaluation.figures import Figures
from lapbell_evaluator.evaluation.ports import EvidenceCollector
from lapbell_evaluator.evaluation.registry import RuleRegistry
from lapbell_evaluator.model import (
    Alert,
    AlertFigures,
    Change,
    EvaluatorError,
    Evidence,
    Health,
    Histogram,
    Incident,
    Labels,
    Reason,
    State,
    labels,
)
from lapbell_evaluator.promql import InstantQuerier
from lapbell_evaluator.rules.extensions import PREFIX
from lapbell_evaluator.rules.template import Context, rendered

__all__ = ["Annotator"]

_log = logging.getLogger(__name__)
_EVIDENCE_TIMEOUT_S: Final = 1.0
_EVIDENCE_AT_ONCE: Final = 20
_YIELD_EVERY: Final = 20
_VALUE: Final = "value"


@dataclass(frozen=True, slots=True)
class Annotator:
    """Renders annotations, and collects evidence.

    Attributes:
        querier: answers the queries of templates.
        evidence_collector: gathers evidence when an incident fires; None if there is no collector.
        external_labels: for templates, and for receivers of single alerts.
        external_url: where people reach this evaluator, without a slash at the end.
        figures: measures peak, trend and counts; None if nobody does.
    """

    querier: InstantQuerier
    evidence_collector: EvidenceCollector | None
    external_labels: Labels = ()
    external_url: str = ""
    figures: Figures | None = None

    async def annotated(
        self,
        change: Change,
        registry: RuleRegistry,
        alerts: Mapping[Labels, Alert],
        at: float,
        *,
        annotations: Mapping[Labels, Labels],
        marks: Marks,
    ) -> Change:
        """The change with annotations, evidence and storms in its incidents and transitions.

        Args:
            change: as planned.
            registry: the rules of the alerts.
            alerts: those of the plan, by labels.
            at: Unix seconds.
            annotations: of alerts that no rule of ours has, by labels.
            marks: which incidents belong to a storm from now on.
        """
        leads = [
            alerts[transition.incident.labels]
            for transition in change.transitions
            if transition.incident.labels in alerts
        ]
        rules = {alert.rule: rule for alert in leads if (rule := registry.rule(alert.rule)) is not None}
        evidence, _ = await asyncio.gather(
            self._evidence(change, alerts, at), self.measure(rules.values(), at, is_news=True)
        )
        incidents: dict[str, Incident] = {}  # by transition
        for number, transition in enumerate(change.transitions):
            if number % _YIELD_EVERY == 0:
                await asyncio.sleep(0)  # a storm has thousands of texts: let the gates answer in between
            incident = transition.incident
            alert = alerts.get(incident.labels)
            rule = None if alert is None else registry.rule(alert.rule)
            figures = incident.figures
            if alert is None or rule is None:
                texts = annotations.get(incident.labels, incident.annotations)
            else:
                texts, figures = await self.annotations(rule, alert, at), self.figures_of(rule, alert, at)
            incidents[transition.id] = replace(
                incident,
                annotations=texts,
                figures=figures,
                evidence=evidence.get(transition.id, incident.evidence),
                storm_began_at=marks.began_at.get(incident.id, incident.storm_began_at),
            )
        last = {incident.id: incident for incident in incidents.values()}
        return replace(
            change,
            incidents=(*marks.earlier, *(last.get(incident.id, incident) for incident in change.incidents)),
            transitions=tuple(
                replace(transition, incident=incidents[transition.id]) for transition in change.transitions
            ),
        )

    async def annotations(self, rule: CompiledRule, alert: Alert, at: float, *, is_whole: bool = False) -> Labels:
        """The rendered annotations with the alert's value; once its condition does not hold, as when it last did.

        Args:
            rule: the alert's.
            alert: its series and value are what templates refer to.
            at: Unix seconds.
            is_whole: with empty ones, and with our own, which are no text for people.
        """
        if not _is_met(alert):
            at = alert.proven_at  # what templates ask for may be gone by now
        value = await self._value(rule, alert, at)
        context = Context(alert.series, value, at, self.external_labels, self.external_url)
        texts = [
            (name, await rendered(text, context, lambda expr: self.querier.query(rule.as_compiled(expr), at)))
            for name, text in rule.rule.annotations
            if is_whole or not name.startswith(PREFIX)
        ]
        return tuple(sorted(texts)) if is_whole else labels(texts)

    async def measure(self, rules: Iterable[CompiledRule], at: float, *, is_news: bool = False) -> None:
        """Ask what is behind the values of the alerts of rules, for `figures_of`; within a second, or not at all."""
        if self.figures is not None:
            await self.figures.measure(rules, at, is_news=is_news)

    def figures_of(self, rule: CompiledRule, alert: Alert, at: float) -> AlertFigures | None:
        """Peak, and what was measured of trend and counts; None if nobody measures."""
        return None if self.figures is None else self.figures.of(rule, alert, at)

    def link(self, rule: CompiledRule) -> str:
        """Where the rule's expression is answered."""
        return f"{self.external_url}/api/v1/query?{urlencode({'query': rule.rule.expr})}"

    async def evidence(self, alert: Alert, at: float) -> Evidence | None:
        """The evidence at Unix seconds `at`; None if none was collected within a second."""
        if self.evidence_collector is None:
            return None
        try:
            async with asyncio.timeout(_EVIDENCE_TIMEOUT_S):
                return await self.evidence_collector.collect(alert, at)
        except EvaluatorError as error:
            _log.warning("No evidence for %s: %s", dict(alert.labels), error)
        except TimeoutError:
            _log.warning("No evidence for %s: it took more than %g s", dict(alert.labels), _EVIDENCE_TIMEOUT_S)
        return None

    async def _evidence(self, change: Change, alerts: Mapping[Labels, Alert], at: float) -> dict[str, Evidence]:
        """Evidence for what fires, also again, by transition: of a storm for the first few, later for the others."""
        opened = [
            transition
            for transition in change.transitions
            if transition.state is State.FIRING
            and (transition.previous is not State.FIRING or transition.reason is Reason.OUTLASTED)
        ]
        leads = {transition.id: alerts[transition.incident.labels] for transition in opened[:_EVIDENCE_AT_ONCE]}
        answers = await asyncio.gather(*(self.evidence(alert, at) for alert in leads.values()))
        return {key: evidence for key, evidence in zip(leads, answers, strict=True) if evidence is not None}

    async def _value(self, rule: CompiledRule, alert: Alert, at: float) -> float | Histogram:
        """What a template calls the value: of an alert on a native histogram, which has no number, the histogram."""
        if math.isnan(alert.value) and any(_VALUE in text.lower() for _, text in rule.rule.annotations):
            with suppress(EvaluatorError):  # then there is no number, and that is what the text says
                for sample in (await self.querier.query(rule.expr, at)).samples:
                    if sample.labels == alert.series and sample.histogram is not None:
                        return sample.histogram
        return alert.value


def _is_met(alert: Alert) -> bool:
    """Whether the condition of an alert held when it was last evaluated."""
    return alert.state is not State.INACTIVE and alert.cleared_at is None and alert.health is Health.OK
