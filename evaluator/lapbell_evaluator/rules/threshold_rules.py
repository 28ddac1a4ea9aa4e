"""One alert of a shipped value, at two severities."""

from collections.abc import Iterable
from typing import Final

from lapbell_evaluator.model import SEVERITY, OnNoData, Rule, RuleKind, labels
from lapbell_evaluator.rules import extensions
from lapbell_evaluator.rules.duration import format_duration

__all__ = [
    "CRITICAL",
    "RUNBOOK_URL",
    "SUMMARY",
    "WARNING",
    "number",
    "record",
    "rule",
    "threshold_rules",
]

CATEGORY: Final = "category"
SUMMARY: Final = "summary"
DESCRIPTION: Final = "description"
RUNBOOK_URL: Final = "runbook_url"
WARNING: Final = "warning"
CRITICAL: Final = "critical"


def number(value: float) -> str:
    """A threshold as PromQL writes it."""
    return f"{value:.12g}"


def threshold_rules(
    alert: str,
    category: str,
    value: str,
    limits: Iterable[tuple[str, float]],
    *,
    summary: str,
    description: str,
    warm_after_s: float | None = None,
    for_s: float = 0.0,
) -> tuple[Rule, ...]:
    """A rule for each severity: `value` is above its threshold.

    Args:
        alert: the alert's name.
        category: the value of the label `category`.
        value: the name of what is recorded, or short PromQL.
        limits: severities with their thresholds.
        summary: a Go template; `THRESHOLD` in it becomes the threshold.
        description: as `summary`.
        warm_after_s: see `Rule`.
        for_s: see `Rule`.
    """
    return tuple(
        rule(
            alert,
            category,
            severity,
            f"{value} > {number(limit)}",
            summary=summary.replace("THRESHOLD", number(limit)),
            description=description.replace("THRESHOLD", number(limit)),
            warm_after_s=warm_after_s,
            for_s=for_s,
        )
        for severity, limit in limits
    )


def record(name: str, expr: str) -> Rule:
    """A recording rule, named `level:metric:operations`."""
    return Rule(name=name, expr=expr, kind=RuleKind.RECORDING)


def rule(
    alert: str,
    category: str,
    severity: str,
    expr: str,
    *,
    summary: str,
    description: str,
    recovery_expr: str | None = None,
    warm_after_s: float | None = None,
    for_s: float = 0.0,
    keep_firing_for_s: float = 0.0,
) -> Rule:
    """A shipped rule: it resolves on evidence alone."""
    annotations = {SUMMARY: summary, DESCRIPTION: description, extensions.ON_NO_DATA: str(OnNoData.KEEP)}
    if recovery_expr is not None:
        annotations[extensions.RECOVERY_EXPR] = recovery_expr
    if warm_after_s is not None:
        annotations[extensions.WARM_AFTER] = format_duration(warm_after_s)
    return Rule(
        name=alert,
        expr=expr,
        for_s=for_s,
        keep_firing_for_s=keep_firing_for_s,
        labels=labels({SEVERITY: severity, CATEGORY: category}),
        annotations=labels(annotations),
        on_no_data=OnNoData.KEEP,
        recovery_expr=recovery_expr,
        warm_after_s=warm_after_s,
    )
