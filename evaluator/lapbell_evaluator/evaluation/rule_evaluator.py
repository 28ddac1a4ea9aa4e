"""One rule, one instant: a result for each of its alerts."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from lapbell_evaluator.alerts import Condition, EvaluationResult
from lapbell_evaluator.evaluation.absence import WARMING, absent
from lapbell_evaluator.evaluation.compiled import CompiledRule
from lapbell_evaluator.evaluation.provenance import NOT_KNOWN, Provenance
from lapbell_evaluator.model import (
    ALERT_NAME,
    METRIC_NAME,
    Alert,
    EvaluatorError,
    Histogram,
    Labels,
    OnError,
    OnNoData,
    QueryResult,
    Sample,
    labels,
)
from lapbell_evaluator.promql import InstantQuerier
from lapbell_evaluator.rules import LOOKBACK_S
from lapbell_evaluator.rules.template import Context, rendered

__all__ = ["RuleEvaluator", "RuleResult"]

_SAME_LABELS: Final = "The result has several samples with the same labels once the rule's labels are applied."
_AGGREGATE: Final = "Aggregate, or leave out the label that hides their difference."


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one evaluation of one rule saw.

    Attributes:
        results: one for each alert that breaches or is not inactive.
        error: why the rule could not be evaluated; empty if it could.
        warnings: the engine's.
    """

    results: tuple[EvaluationResult, ...]
    error: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleEvaluator:
    """Asks the querier.

    Attributes:
        querier: where the answers come from.
        warm_since: Unix seconds since which the series have no gap; None if they never had one.
        external_labels: for templates.
        external_url: for templates.
        provenance: says which samples a breach comes from.
        recorded_labels: of each recording rule, by the labels of the sample that they were made from.
    """

    querier: InstantQuerier
    warm_since: float | None
    external_labels: Labels = ()
    external_url: str = ""
    provenance: Provenance = Provenance()  # noqa: RUF009 # frozen, it knows nothing
    recorded_labels: dict[str, Mapping[Labels, Labels]] = field(default_factory=dict)

    async def evaluate(
        self,
        rule: CompiledRule,
        limit: int,
        at: float,
        alerts: Mapping[Labels, Alert],
        *,
        is_early: bool = False,
    ) -> RuleResult:
        """The results of the rule's alerts.

        Args:
            rule: the rule.
            limit: how many alerts it may have; 0 means any number.
            at: Unix seconds, the group's offset subtracted.
            alerts: its alerts that are not inactive, by labels.
            is_early: between two intervals; only breaches are looked for.
        """
        try:
            result = await self.querier.query(rule.expr, at)
            breaching = await self._breaching(rule, result, limit, at, alerts)
            if is_early:
                return RuleResult(tuple(breaching.values()) if self.is_warm(rule, at) else (), warnings=result.warnings)
            rest = {identity: alert for identity, alert in alerts.items() if identity not in breaching}
            if not self.is_warm(rule, at):
                return RuleResult((*_still(breaching, alerts), *_all(rest.values(), Condition.WARMING_UP, WARMING)))
            over = [sample.labels for sample in result.samples]
            others = await absent(self.querier, rule, at, rest, over, may_end=self._has_watched(at, LOOKBACK_S))
            if rule.rule.on_no_data is OnNoData.FIRE and not result.samples:
                others = await self._without_data(rule, at, others)
        except EvaluatorError as error:
            return _failed(rule, alerts, str(error), is_early=is_early)
        return RuleResult((*breaching.values(), *others), warnings=result.warnings)

    async def record(
        self, rule: CompiledRule, limit: int, at: float
    ) -> tuple[RuleResult, dict[Labels, float | Histogram]]:
        """What a recording rule makes: values by labels, and how it went.

        Args:
            rule: the rule.
            limit: how many series it may make; 0 means any number.
            at: Unix seconds, the group's offset subtracted.
        """
        try:
            result = await self.querier.query(rule.expr, at)
            names = self._recorded_labels(rule, result.samples)
            samples = {
                names[sample.labels]: sample.value if sample.histogram is None else sample.histogram
                for sample in result.samples
            }
            if len(samples) != len(result.samples):
                raise EvaluatorError(_SAME_LABELS, _AGGREGATE)
            if limit and len(samples) > limit:
                raise EvaluatorError(f"The rule makes {len(samples)} series; its group's limit is {limit}.")
        except EvaluatorError as error:
            return RuleResult((), str(error)), {}
        return RuleResult((), warnings=result.warnings), samples

    def _recorded_labels(self, rule: CompiledRule, samples: Sequence[Sample]) -> Mapping[Labels, Labels]:
        """The labels of the recorded series by those of the sample: the same objects as the last time."""
        before = self.recorded_labels.get(rule.key, {})
        own = {**dict(rule.labels), METRIC_NAME: rule.rule.name}
        now = {sample.labels: before.get(sample.labels) or labels({**dict(sample.labels), **own}) for sample in samples}
        self.recorded_labels[rule.key] = now
        return now

    def is_warm(self, rule: CompiledRule, at: float) -> bool:
        """Whether the series have no gap for as long as the rule looks back from Unix seconds `at`."""
        return self._has_watched(at, rule.window_s)

    def _has_watched(self, at: float, seconds: float) -> bool:
        return self.warm_since is None or at >= self.warm_since + seconds

    async def _breaching(
        self,
        rule: CompiledRule,
        result: QueryResult,
        limit: int,
        at: float,
        alerts: Mapping[Labels, Alert],
    ) -> dict[Labels, EvaluationResult]:
        samples = result.samples
        identities = await self._identities(rule, samples, at, alerts)
        fresh = [place for place, own in enumerate(identities) if own not in alerts] if self.is_warm(rule, at) else []
        origins = await self.provenance.of(rule.breach_expr, [samples[place].labels for place in fresh], at)
        moments = dict(zip(fresh, origins, strict=True))
        results = {
            own: EvaluationResult(own, sample.labels, Condition.MET, sample.value, "", *moments.get(place, NOT_KNOWN))
            for place, (own, sample) in enumerate(zip(identities, samples, strict=True))
        }
        if len(results) != len(samples):
            raise EvaluatorError(_SAME_LABELS, _AGGREGATE)
        if limit and len(results) > limit:
            raise EvaluatorError(f"The rule makes {len(results)} alerts; its group's limit is {limit}.")
        return results

    async def _identities(
        self, rule: CompiledRule, samples: Sequence[Sample], at: float, alerts: Mapping[Labels, Alert]
    ) -> list[Labels]:
        """The labels of the alert of each sample."""
        fixed = {ALERT_NAME: rule.rule.name, METRIC_NAME: ""}
        if rule.has_templates:
            return [
                labels({**dict(sample.labels), **await self._expanded(rule, sample, at), **fixed}) for sample in samples
            ]
        by_series = {alert.series: alert.labels for alert in alerts.values()}
        own = {**dict(rule.labels), **fixed}
        return [by_series.get(sample.labels) or labels({**dict(sample.labels), **own}) for sample in samples]

    async def _expanded(self, rule: CompiledRule, sample: Sample, at: float) -> dict[str, str]:
        value = sample.value if sample.histogram is None else sample.histogram
        context = Context(sample.labels, value, at, self.external_labels, self.external_url)
        return {
            name: await rendered(text, context, lambda expr: self.querier.query(expr, at)) for name, text in rule.labels
        }

    async def _without_data(
        self, rule: CompiledRule, at: float, others: Sequence[EvaluationResult]
    ) -> tuple[EvaluationResult, ...]:
        """The alert that says there is no data, if even the value is missing."""
        if rule.value_expr is not None and (await self.querier.query(rule.value_expr, at)).samples:
            return tuple(others)
        alarm = _alarm(rule, "no data")
        return (alarm, *(result for result in others if result.labels != alarm.labels))


def _still(breaching: Mapping[Labels, EvaluationResult], alerts: Mapping[Labels, Alert]) -> Iterable[EvaluationResult]:
    """What a cold window can say of breaches: those that fire go on, nothing new begins."""
    for identity, result in breaching.items():
        alert = alerts.get(identity)
        if alert is None:
            continue
        fired = alert.fired_at is not None
        yield result if fired else EvaluationResult(identity, result.series, Condition.WARMING_UP, detail=WARMING)


def _all(alerts: Iterable[Alert], condition: Condition, detail: str) -> tuple[EvaluationResult, ...]:
    return tuple(EvaluationResult(alert.labels, alert.series, condition, detail=detail) for alert in alerts)


def _alarm(rule: CompiledRule, detail: str) -> EvaluationResult:
    identity = labels({**dict(rule.labels), ALERT_NAME: rule.rule.name})
    return EvaluationResult(identity, (), Condition.MET, math.nan, detail)


def _failed(rule: CompiledRule, alerts: Mapping[Labels, Alert], error: str, *, is_early: bool) -> RuleResult:
    if is_early:
        return RuleResult((), error)
    results = _all(alerts.values(), Condition.ERROR, error)
    if rule.rule.on_error is OnError.FIRE:
        alarm = _alarm(rule, error)
        return RuleResult((alarm, *(result for result in results if result.labels != alarm.labels)), error)
    return RuleResult(results, error)
