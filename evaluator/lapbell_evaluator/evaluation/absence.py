"""The results of alerts that no longer breach: evidence of recovery, or none, and of which kind."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lapbell_evaluator.alerts import Condition, EvaluationResult
from lapbell_evaluator.evaluation.compiled import CompiledRule
from lapbell_evaluator.model import METRIC_NAME, Alert, Labels, OnNoData, Sample
from lapbell_evaluator.promql import Aggregate, InstantQuerier, VectorSelector

__all__ = ["NO_DATA", "NO_TRAFFIC", "WARMING", "absent"]

NO_DATA = "no data"
NO_TRAFFIC = "no traffic"
WARMING = "the evaluator has not watched for long enough since it started"
ENDED = "the series ended while others report"


async def absent(
    querier: InstantQuerier,
    rule: CompiledRule,
    at: float,
    alerts: Mapping[Labels, Alert],
    breaching: Collection[Labels],
    *,
    may_end: bool,
) -> tuple[EvaluationResult, ...]:
    """One result for each alert that the rule's result has no sample of.

    Args:
        querier: where the answers come from.
        rule: the rule.
        at: Unix seconds.
        alerts: by labels.
        breaching: the series for which the condition holds.
        may_end: whether absence says anything: not before the evaluator has watched for as long as a sample is good.

    Raises:
        EvaluatorError: a query failed: the condition of none of them is known.
    """
    if not alerts:
        return ()
    values = (await querier.query(rule.value_expr, at)).samples if rule.value_expr is not None else ()
    values_of = _Values(values, breaching)
    results: list[EvaluationResult] = []
    silent: list[Alert] = []
    for alert in alerts.values():
        value = values_of.of(alert)
        if value is not None:
            results.append(EvaluationResult(alert.labels, alert.series, Condition.CLEARED, value))
        elif not may_end:
            results.append(EvaluationResult(alert.labels, alert.series, Condition.WARMING_UP, detail=WARMING))
        elif rule.rule.on_no_data is OnNoData.RESOLVE:
            results.append(EvaluationResult(alert.labels, alert.series, Condition.EMPTY))
        else:
            silent.append(alert)
    if silent and rule.rule.recovery_expr is not None:
        undecided = await _undecided(querier, rule, at, silent, breaching)
        results.extend(undecided)
        silent = [alert for alert in silent if alert.labels not in {result.labels for result in undecided}]
    if silent:
        results.extend(await _silent(querier, rule, at, silent))
    return tuple(results)


async def _undecided(
    querier: InstantQuerier, rule: CompiledRule, at: float, alerts: Iterable[Alert], breaching: Collection[Labels]
) -> list[EvaluationResult]:
    """Those whose value is there, though it is not what the rule calls recovery."""
    values = _Values((await querier.query(rule.breach_expr, at)).samples, breaching)
    return [
        EvaluationResult(alert.labels, alert.series, Condition.UNDECIDED, value)
        for alert in alerts
        if (value := values.of(alert)) is not None
    ]


class _Values:
    """The value for the labels of a series; an operator may have dropped some of them from the breaching sample.

    What breaches with more labels than the series has is no recovery of it: its rule was edited, and says more now. An
    alert that never had a value stands for missing data, or for an error: any value ends it.
    """

    def __init__(self, samples: Sequence[Sample], breaching: Collection[Labels]) -> None:
        self._samples = samples
        self._breaching = breaching
        self._exact = {sample.labels: sample.value for sample in samples}
        self._parts: dict[tuple[str, ...], tuple[Mapping[Labels, list[float]], Collection[Labels]]] = {}

    def of(self, alert: Alert) -> float | None:
        """The value; None if there is none, if one of several is not finite, or if a part of the series breaches."""
        series = alert.series
        exact = self._exact.get(series)
        if exact is not None:
            return exact if math.isfinite(exact) else None
        names = tuple([name for name, _ in series])
        if names not in self._parts:
            self._parts[names] = self._with(frozenset(names))
        values, breaching = self._parts[names]
        breaches = series in breaching and not math.isnan(alert.value)
        finite = () if breaches else values.get(series, ())
        return finite[0] if finite and all(map(math.isfinite, finite)) else None

    def _with(self, names: frozenset[str]) -> tuple[Mapping[Labels, list[float]], Collection[Labels]]:
        """Values, and what breaches, of all that have labels of these names, by those labels: looked at once."""
        values: dict[Labels, list[float]] = defaultdict(list)
        for sample in self._samples:
            values[_of_names(sample.labels, names)].append(sample.value)
        return values, {_of_names(labels, names) for labels in self._breaching}


def _of_names(labels: Labels, names: frozenset[str]) -> Labels:
    return tuple([pair for pair in labels if pair[0] in names])


@dataclass(frozen=True, slots=True)
class _Source:
    """The series behind a rule that report now, by the labels that an alert has."""

    present: frozenset[Labels]
    has_names: bool


async def _silent(
    querier: InstantQuerier, rule: CompiledRule, at: float, alerts: Iterable[Alert]
) -> Iterable[EvaluationResult]:
    """Why there is no value: the series ended, nothing happens, or nothing reports."""
    sources: dict[tuple[str, ...], list[_Source]] = {}
    results = []
    for alert in alerts:
        series = tuple(pair for pair in alert.series if pair[0] != METRIC_NAME)
        names = tuple(name for name, _ in series)
        if names not in sources:
            sources[names] = [await _source(querier, selector, names, at) for selector in rule.sources]
        condition, detail = _why(series, sources[names])
        results.append(EvaluationResult(alert.labels, alert.series, condition, detail=detail))
    return results


async def _source(querier: InstantQuerier, selector: VectorSelector, names: tuple[str, ...], at: float) -> _Source:
    samples = (await querier.query(Aggregate("count", selector, grouping=names), at)).samples
    return _Source(
        present=frozenset(sample.labels for sample in samples),
        has_names=any(tuple(name for name, _ in sample.labels) == names for sample in samples),
    )


def _why(series: Labels, sources: Sequence[_Source]) -> tuple[Condition, str]:
    if any(series in source.present for source in sources):
        return Condition.NO_TRAFFIC, NO_TRAFFIC
    if any(source.has_names for source in sources):
        return Condition.SERIES_ENDED, ENDED
    return Condition.NO_DATA, NO_DATA
