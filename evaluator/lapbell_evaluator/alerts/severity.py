"""Which of the alerts of an incident leads it."""

from collections.abc import Iterable

from lapbell_evaluator.model import SEVERITY, Alert, rank_of

__all__ = ["leader", "rank", "severity"]


def severity(alert: Alert) -> str:
    """The label `severity`; empty if there is none."""
    return next((value for name, value in alert.labels if name == SEVERITY), "")


def rank(alert: Alert) -> int:
    """The rank of the alert's severity."""
    return rank_of(severity(alert))


def leader(alerts: Iterable[Alert]) -> Alert:
    """The alert that leads its incident: the highest severity, the first by labels among equals."""
    return min(alerts, key=lambda alert: (-rank(alert), alert.labels))
