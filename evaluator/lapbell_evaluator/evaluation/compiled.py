"""Rules made ready to be evaluated: what to ask, what counts as evidence, which data they read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.alerts import AlertPolicy
from lapbell_evaluator.model import Labels, OnNoData, Rule, RuleGroup, RuleKind
from lapbell_evaluator.promql import Expr, VectorSelector, parse
from lapbell_evaluator.rules import Analysis, Recordings, analyse, recordings_before, reopen_within
from lapbell_evaluator.rules.extensions import REOPEN_WITHIN

__all__ = ["CompiledGroup", "CompiledRule", "compile_groups"]

_WRITTEN: Final = frozenset({"ALERTS", "ALERTS_FOR_STATE"})


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule with the analysis of its expression.

    Attributes:
        rule: as it was written.
        key: unique among all rules; the same after a reload that keeps group, name and labels.
        labels: the rule's labels over the group's.
        policy: for the life of its alerts.
        expr: parsed, recordings of the group put in the place of selectors that read them.
        value_expr: what is evidence while it is finite; None if there is none.
        breach_expr: what is compared.
        sources: the selectors that the value is made from.
        window_s: how long the evaluator must have watched before it trusts the rule.
        has_templates: whether labels have to be expanded for each sample.
        recordings: those of the group that stand before the rule.
        metrics: the names of the metrics that it reads; None if it may read any.
        reach_s: how far back it reads each of them on purpose; the empty name stands for selectors without one.
    """

    rule: Rule
    key: str
    labels: Labels
    policy: AlertPolicy
    expr: Expr
    value_expr: Expr | None
    breach_expr: Expr
    sources: tuple[VectorSelector, ...]
    window_s: float
    has_templates: bool
    recordings: Recordings
    metrics: frozenset[str] | None
    reach_s: Mapping[str, float]

    def as_compiled(self, text: str) -> Expr:
        """A question of the rule's templates: about the same recordings as the rule's own expression.

        Raises:
            PromqlError: it is no PromQL.
        """
        return self.recordings.put_in(parse(text))

    @property
    def ends_with_incident(self) -> bool:
        """Whether receivers of single alerts hear that an alert is over when its incident is: not while it recovers.

        Rules that say nothing about recovery end their alerts there as Prometheus does.
        """
        return self.rule.on_no_data is not OnNoData.RESOLVE or REOPEN_WITHIN in dict(self.rule.annotations)

    @property
    def is_alerting(self) -> bool:
        """Whether its result becomes alerts."""
        return self.rule.kind is RuleKind.ALERTING


@dataclass(frozen=True, slots=True)
class CompiledGroup:
    """One group.

    Attributes:
        group: as it was written.
        key: unique among all groups.
        interval_s: seconds between evaluations.
        rules: in order.
        metrics: the names of the metrics that it reads; None if it may read any.
    """

    group: RuleGroup
    key: str
    interval_s: float
    rules: tuple[CompiledRule, ...]
    metrics: frozenset[str] | None

    @property
    def is_closed(self) -> bool:
        """Whether no rule of it reads what another of its rules writes: what they read stays the same meanwhile.

        Recordings of the group that were put in the place of their selectors are not read.
        """
        return self.metrics is not None and self.metrics.isdisjoint(self.written)

    @property
    def written(self) -> frozenset[str]:
        """Names of the metrics that its rules write."""
        return _WRITTEN.union(rule.rule.name for rule in self.rules if not rule.is_alerting)

    def reads(self, prefix: str) -> bool:
        """Whether it reads a metric whose name begins so."""
        return self.metrics is None or any(name.startswith(prefix) for name in self.metrics)


def compile_groups(groups: Sequence[RuleGroup], interval_s: float) -> tuple[CompiledGroup, ...]:
    """Every group, those without an interval at `interval_s`."""
    return tuple(compile_group(group, interval_s) for group in groups)


def compile_group(group: RuleGroup, interval_s: float) -> CompiledGroup:
    """One group.

    Raises:
        EvaluatorError: an expression that is not PromQL.
    """
    key = f"{group.file};{group.name}" if group.file else group.name
    count_by_key: Counter[str] = Counter()
    rules = []
    names: set[str] | None = set()
    for rule, recordings in recordings_before(group.rules, group.labels):
        analysis = analyse(rule, recordings)
        merged = tuple(sorted((dict(group.labels) | dict(rule.labels)).items()))
        plain = f"{key}/{rule.name}{{{','.join(f'{name}={value!r}' for name, value in merged)}}}"
        count_by_key[plain] += 1
        number = count_by_key[plain]
        rules.append(_compiled(rule, key, plain if number == 1 else f"{plain}#{number}", merged, analysis, recordings))
        names = None if names is None or analysis.metrics is None else names | analysis.metrics
    return CompiledGroup(
        group=group,
        key=key,
        interval_s=group.interval_s or interval_s,
        rules=tuple(rules),
        metrics=None if names is None else frozenset(names),
    )


def _compiled(
    rule: Rule, group: str, key: str, merged: Labels, analysis: Analysis, recordings: Recordings
) -> CompiledRule:
    return CompiledRule(
        rule=rule,
        key=key,
        labels=merged,
        policy=AlertPolicy(
            group=group,
            rule=key,
            threshold=analysis.threshold,
            for_s=rule.for_s,
            keep_firing_for_s=rule.keep_firing_for_s,
            reopen_within_s=reopen_within(rule, analysis.window_s),
        ),
        expr=analysis.expr,
        value_expr=analysis.value_expr,
        breach_expr=analysis.breach_expr,
        sources=analysis.sources,
        window_s=analysis.window_s if rule.warm_after_s is None else rule.warm_after_s,
        has_templates=any("{{" in value for _, value in merged),
        recordings=recordings,
        metrics=analysis.metrics,
        reach_s=analysis.reach_s,
    )
