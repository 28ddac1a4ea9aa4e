"""The numbers behind an alert beside its value."""

from dataclasses import dataclass

__all__ = ["AlertFigures"]


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """How an alert's value came about, and where it is going; what was not measured is None.

    Attributes:
        peak: the worst value since the alert began: the largest, or the smallest if it fires below its threshold.
        minute_ago: the value a minute ago, whether the alert was there or not.
        five_minutes_ago: the value five minutes ago.
        bad: how many events of the rule's window were bad, if the value is a share of counted events.
        total: how many there were.
    """

    peak: float | None = None
    minute_ago: float | None = None
    five_minutes_ago: float | None = None
    bad: float | None = None
    total: float | None = None
