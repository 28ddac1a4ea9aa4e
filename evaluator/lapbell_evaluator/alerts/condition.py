"""What one evaluation found for one series, and how long a rule wants things to last."""

from dataclasses import dataclass
from enum import StrEnum

from lapbell_evaluator.model import Labels

__all__ = ["AlertPolicy", "Condition", "EvaluationResult"]


class Condition(StrEnum):
    """What a rule's condition is for one series, with a member for each kind of absence."""

    MET = "met"
    """The condition holds."""
    CLEARED = "cleared"
    """The value is finite and the condition does not hold."""
    UNDECIDED = "undecided"
    """There is a value, but neither the condition nor what the rule calls recovery holds."""
    EMPTY = "empty"
    """There is no result, and the rule takes that for recovery, as Prometheus does."""
    SERIES_ENDED = "series_ended"
    """The series behind the alert are gone while their siblings report."""
    NO_TRAFFIC = "no_traffic"
    """The series are there but nothing happens that could be measured."""
    NO_DATA = "no_data"
    """Nothing reports."""
    ERROR = "error"
    """The expression failed."""
    WARMING_UP = "warming_up"
    """The evaluator has not yet watched for as long as the rule looks back."""
    RULE_REMOVED = "rule_removed"
    """The rule exists no more."""


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What an evaluation found for one series, and so for one alert.

    Attributes:
        labels: the alert's identity.
        series: the labels of the sample, without the rule's own.
        condition: met, cleared, or why that is not known.
        value: the sample's value, or the recovered value; NaN where there is none.
        detail: the error, or what is missing, for people.
        sampled_at: Unix seconds of the newest sample behind a breach that begins; None if that is not known.
        received_at: Unix seconds when that sample arrived; None if that is not known.
    """

    labels: Labels
    series: Labels
    condition: Condition
    value: float = float("nan")
    detail: str = ""
    sampled_at: float | None = None
    received_at: float | None = None


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """How long things must last for the alerts of one rule, in seconds.

    Attributes:
        group: the name of the rule's group.
        rule: the rule's key.
        threshold: the number that values are compared with, if it is a constant.
        for_s: the condition holds this long before the alert fires.
        keep_firing_for_s: the alert fires on this long after the condition was last met.
        idle_after_s: an alert without traffic is resolved after this time.
        reopen_after_s: an alert resolved by hand fires again if its condition is still met after this time.
        reopen_within_s: an alert that cleared returns within this time as the same incident, whose resolved notice
            waits so long; 0 means that it waits for nothing.
    """

    group: str
    rule: str
    threshold: float | None = None
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    idle_after_s: float = 900.0
    reopen_after_s: float = 1800.0
    reopen_within_s: float = 0.0
