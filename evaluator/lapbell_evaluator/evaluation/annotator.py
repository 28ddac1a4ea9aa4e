"""What is added to a change before it is written: what incidents say to people, who is to blame, their storms."""

import asyncio
import logging
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from lapbell_evaluator.evaluation.compiled import CompiledRule
from lapbell_evaluator.evaluation.ports import EvidenceCollector, Querier
from lapbell_evaluator.evaluation.storms import Marks
from lapbell_evaluator.model import Alert, Change, EvaluatorError, Evidence, Histogram, Incident, Labels, State, labels
from lapbell_evaluator.rules.extensions import PREFIX
from lapbell_evaluator.rules.template import Context, rendered

__all__ = ["Annotator"]

_log = logging.getLogger(__name__)
_EVIDENCE_TIMEOUT_S: Final = 1.0
_HEARD_AT_ONCE: Final = 20
_TURN: Final = 100
_VALUE: Final = "value"


@dataclass(frozen=True, slots=True)
class Annotator:
    """Renders annotations, and collects evidence.

    Attributes:
        querier: answers the queries of templates.
        evidence_collector: says who is to blame; None if nobody can.
        external_labels: for templates, and for receivers of single alerts.
        external_url: where people reach this evaluator, without a slash at the end.
    """

    querier: Querier
    evidence_collector: EvidenceCollector | None
    external_labels: Labels = ()
    external_url: str = ""

    async def added(
        self,
        change: Change,
        rules: Mapping[str, CompiledRule],
        alerts: Mapping[Labels, Alert],
        at: float,
        texts: Mapping[Labels, Labels],
        marks: Marks,
    ) -> Change:
        """The change with annotations, evidence and storms in its incidents and transitions.

        Args:
            change: as planned.
            rules: by key.
            alerts: those of the plan, by labels.
            at: Unix seconds.
            texts: annotations of alerts that no rule of ours has, by labels.
            marks: which incidents belong to a storm from now on.
        """
        heard = await self._heard(change, alerts, at)
        told: dict[str, Incident] = {}
        for number, transition in enumerate(change.transitions):
            if number % _TURN == 0:
                await asyncio.sleep(0)  # a storm has thousands of texts: let the gates answer in between
            said = await self._said(transition.incident, rules, alerts, at, texts)
            told[transition.id] = replace(
                said,
                evidence=heard.get(transition.id, said.evidence),
                storm_began_at=marks.began_at.get(said.id, said.storm_began_at),
            )
        last = {each.id: each for each in told.values()}
        return replace(
            change,
            incidents=(*marks.earlier, *(last.get(each.id, each) for each in change.incidents)),
            transitions=tuple(replace(each, incident=told[each.id]) for each in change.transitions),
        )

    async def annotations(self, rule: CompiledRule, alert: Alert, at: float, *, is_whole: bool = False) -> Labels:
        """The rendered annotations with the alert's present value.

        Args:
            rule: the alert's.
            alert: whose series and value they speak of.
            at: Unix seconds.
            is_whole: with our own, which are no text for people.
        """
        value = await self._value(rule, alert, at)
        context = Context(alert.series, value, at, self.external_labels, self.external_url)
        return labels(
            [
                (name, await rendered(text, context, lambda expr: self.querier.query(expr, at)))
                for name, text in rule.rule.annotations
                if is_whole or not name.startswith(PREFIX)
            ]
        )

    def link(self, rule: CompiledRule) -> str:
        """Where the rule's expression is answered."""
        return f"{self.external_url}/api/v1/query?{urlencode({'query': rule.rule.expr})}"

    async def _value(self, rule: CompiledRule, alert: Alert, at: float) -> float | Histogram:
        """What a template calls the value: of an alert on a native histogram, which has no number, the histogram."""
        if math.isnan(alert.value) and any(_VALUE in text.lower() for _, text in rule.rule.annotations):
            with suppress(EvaluatorError):  # then there is no number, and that is what the text says
                for sample in (await self.querier.query(rule.expr, at)).samples:
                    if sample.labels == alert.series and sample.histogram is not None:
                        return sample.histogram
        return alert.value

    async def evidence(self, alert: Alert, at: float) -> Evidence | None:
        """The evidence; None if none was collected in time."""
        if self.evidence_collector is None:
            return None
        try:
            async with asyncio.timeout(_EVIDENCE_TIMEOUT_S):
                return await self.evidence_collector.collect(alert, at)
        except EvaluatorError as error:
            _log.warning("No evidence for %s: %s", dict(alert.labels), error)
        except TimeoutError:
            _log.warning(
                "No evidence for %s: the collector took more than %g s", dict(alert.labels), _EVIDENCE_TIMEOUT_S
            )
        return None

    async def _heard(self, change: Change, alerts: Mapping[Labels, Alert], at: float) -> dict[str, Evidence]:
        """Evidence for what starts to fire, by transition: for a storm the first few, the rest is heard later."""
        opened = [each for each in change.transitions if each.state is State.FIRING is not each.previous]
        leads = {each.id: alerts[each.incident.labels] for each in opened[:_HEARD_AT_ONCE]}
        answers = await asyncio.gather(*(self.evidence(alert, at) for alert in leads.values()))
        return {key: answer for key, answer in zip(leads, answers, strict=True) if answer is not None}

    async def _said(
        self,
        incident: Incident,
        rules: Mapping[str, CompiledRule],
        alerts: Mapping[Labels, Alert],
        at: float,
        texts: Mapping[Labels, Labels],
    ) -> Incident:
        alert = alerts.get(incident.labels)
        rule = rules.get(alert.rule) if alert else None
        if alert is None or rule is None:
            return replace(incident, annotations=texts.get(incident.labels, incident.annotations))
        return replace(incident, annotations=await self.annotations(rule, alert, at))
