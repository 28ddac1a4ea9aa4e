"""The order of severities."""

from collections.abc import Iterable
from typing import Final

from lapbell_evaluator.model import SEVERITY, Alert

__all__ = ["leader", "rank", "rank_of", "severity"]

_RANKS: Final = {"info": 1, "warning": 2, "error": 3, "critical": 4, "page": 4}


def severity(alert: Alert) -> str:
    """The label `severity`; empty if there is none."""
    return next((value for name, value in alert.labels if name == SEVERITY), "")


def rank_of(name: str) -> int:
    """0 for an unknown severity or none, then info, warning, error, critical (page)."""
    return _RANKS.get(name.lower(), 0)


def rank(alert: Alert) -> int:
    """The rank of the alert's severity."""
    return rank_of(severity(alert))


def leader(alerts: Iterable[Alert]) -> Alert:
    """The alert that leads its incident: the highest severity, the first by labels among equals."""
    return min(alerts, key=lambda alert: (-rank(alert), alert.labels))
