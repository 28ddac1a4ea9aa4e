"""A rule as it was written: what is evaluated, how long it must hold, what it says."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lapbell_evaluator.model.labels import Labels

__all__ = ["ALERT_NAME", "SEVERITY", "OnError", "OnNoData", "Rule", "RuleGroup", "RuleKind"]

ALERT_NAME: Final = "alertname"
SEVERITY: Final = "severity"


class RuleKind(StrEnum):
    """What a rule's result becomes."""

    ALERTING = "alerting"
    RECORDING = "recording"


class OnNoData(StrEnum):
    """What a value expression without a value means for an alert (`lapbell_on_no_data`)."""

    KEEP = "keep"
    RESOLVE = "resolve"
    FIRE = "fire"


class OnError(StrEnum):
    """What a failing expression means for an alert (`lapbell_on_error`); it never resolves."""

    KEEP = "keep"
    FIRE = "fire"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a group.

    Attributes:
        name: the alert's name, or the name of the recorded series.
        expr: PromQL.
        kind: alerting or recording.
        for_s: seconds that the condition holds before the alert fires.
        keep_firing_for_s: seconds that the alert fires on after the condition was last seen.
        labels: added to the result's labels, sorted; values may be Go templates, an empty one removes the label.
        annotations: what people read; values may be Go templates; includes those with the prefix `lapbell_`.
        on_no_data: what a missing value means.
        on_error: what a failing expression means.
        recovery_expr: PromQL whose finite value is the evidence of recovery; None means the left side of the first
            comparison on the left spine of `expr`.
        warm_after_s: seconds of data after which a restarted evaluator trusts the rule; None means the longest
            window in `expr`.
        reopen_within_s: seconds in which a condition that cleared returns as the same incident; None means ten minutes,
            or the longest window in `expr` if that is longer, up to an hour.
    """

    name: str
    expr: str
    kind: RuleKind = RuleKind.ALERTING
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    labels: Labels = ()
    annotations: Labels = ()
    on_no_data: OnNoData = OnNoData.RESOLVE
    on_error: OnError = OnError.KEEP
    recovery_expr: str | None = None
    warm_after_s: float | None = None
    reopen_within_s: float | None = None


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules that are evaluated together, in order.

    Attributes:
        name: unique within its file.
        rules: in the order of evaluation.
        interval_s: seconds between evaluations; None means the evaluator's default.
        limit: how many alerts or series one rule may make; 0 means any number.
        query_offset_s: how far behind the clock the group is evaluated.
        labels: added to every rule of the group; a rule's own label wins.
        file: where the group stands; empty for shipped rules.
    """

    name: str
    rules: tuple[Rule, ...]
    interval_s: float | None = None
    limit: int = 0
    query_offset_s: float = 0.0
    labels: Labels = ()
    file: str = ""
