"""What one evaluation saw of one alert."""

from dataclasses import dataclass
from enum import StrEnum

from lapbell_evaluator.model import Labels

__all__ = ["Observation", "Sight", "Terms"]


class Sight(StrEnum):
    """The kinds of evidence, and of its absence."""

    BREACH = "breach"
    """The condition holds."""
    CLEAR = "clear"
    """The value is finite and the condition does not hold."""
    EMPTY = "empty"
    """There is no result, and the rule takes that for recovery, as Prometheus does."""
    ENDED = "ended"
    """The series behind the alert are gone while their siblings report."""
    QUIET = "quiet"
    """The series are there but nothing happens that could be measured."""
    MISSING = "missing"
    """Nothing reports."""
    ERROR = "error"
    """The expression failed."""
    COLD = "cold"
    """The evaluator has not yet watched for as long as the rule looks back."""
    REMOVED = "removed"
    """The rule exists no more."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was seen of one alert at one instant.

    Attributes:
        labels: the alert's identity.
        series: the labels of the sample, without the rule's own.
        sight: what was seen.
        value: the sample's value, or the recovered value; NaN where there is none.
        detail: the error, or what is missing, for people.
        sampled_at: Unix seconds of the newest sample behind a breach that begins; None if that is not known.
        received_at: Unix seconds when that sample arrived; None if that is not known.
    """

    labels: Labels
    series: Labels
    sight: Sight
    value: float = float("nan")
    detail: str = ""
    sampled_at: float | None = None
    received_at: float | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things must last for one rule, in seconds.

    Attributes:
        group: the name of the rule's group.
        rule: the rule's key.
        threshold: the number that values are compared with, if it is a constant.
        for_s: the condition holds this long before the alert fires.
        keep_firing_for_s: the alert fires on this long after the condition was last seen.
        idle_after_s: an alert without traffic is resolved after this time.
        reopen_after_s: an alert resolved by hand fires again if its condition still holds after this time.
    """

    group: str
    rule: str
    threshold: float | None = None
    for_s: float = 0.0
    keep_firing_for_s: float = 0.0
    idle_after_s: float = 900.0
    reopen_after_s: float = 1800.0
