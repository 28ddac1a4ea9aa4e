"""Incidents as people read them: messages rendered with the present value, counts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from lapbell_evaluator.model import (
    ALERT_NAME,
    Alert,
    AlertFigures,
    Health,
    Incident,
    IncidentView,
    Labels,
    State,
    Timeline,
    rank_of,
)
from lapbell_evaluator.notify import AlertCount

__all__ = ["counts", "ordered", "view"]

_STATE_ORDER: Final = (
    State.FIRING,
    State.RECOVERING,
    State.PENDING,
    State.HELD,
    State.RESOLVED,
    State.INACTIVE,
)
_HEALTH_ORDER: Final = (Health.ERROR, Health.NO_DATA, Health.COLD, Health.OK)


def view(
    incident: Incident, alerts: Sequence[Alert], annotations: Labels, now: float, figures: AlertFigures | None = None
) -> IncidentView:
    """One incident at one instant.

    Args:
        incident: as it was last written.
        alerts: its alerts that are not inactive, the highest severity first.
        annotations: rendered with the present value.
        now: Unix seconds.
        figures: peak, trend and counts now; None if they are not known better than when the incident was written.
    """
    lead = _lead(incident, alerts)
    if lead is not None:
        incident = replace(incident, value=lead.value, threshold=lead.threshold, figures=figures or incident.figures)
    texts, named = dict(annotations), dict(incident.labels)
    shown = [
        alert for alert in alerts if lead is None or alert.state is lead.state
    ]  # one that waits says nothing of it
    worst = min(shown, key=lambda alert: _HEALTH_ORDER.index(alert.health), default=None)
    start = incident.opened_at if incident.fired_at is None else incident.fired_at
    ends = (incident.recovering_at, incident.resolved_at, now)
    end = next(moment for moment in ends if moment is not None)
    return IncidentView(
        incident=replace(incident, annotations=annotations),
        alerts=tuple(alerts),
        name=named.get(ALERT_NAME, ""),
        category=named.get("category", ""),
        message=texts.get("summary", named.get(ALERT_NAME, "")),
        description=texts.get("description", ""),
        runbook_url=texts.get("runbook_url", ""),
        duration_s=max(0.0, end - start),
        is_acknowledged=incident.acknowledged_at is not None,
        is_held=incident.state is State.HELD,
        health=Health.OK if worst is None else worst.health,
        detail="" if worst is None or worst.health is Health.OK else worst.detail,
        timeline=Timeline.of(incident),
    )


def ordered(incidents: Iterable[Incident]) -> list[Incident]:
    """Those that fire first, then those that recover; of each the highest severity first, then the oldest."""
    return sorted(incidents, key=_urgency)


def _urgency(incident: Incident) -> tuple[int, int, float, str]:
    return (_STATE_ORDER.index(incident.state), -rank_of(incident.severity), incident.opened_at, incident.key)


def counts(incidents: Iterable[Incident]) -> tuple[AlertCount, ...]:
    """How many there are of each alert name, severity and state."""
    numbers = Counter(
        (dict(incident.labels).get(ALERT_NAME, ""), incident.severity, str(incident.state)) for incident in incidents
    )
    return tuple(AlertCount(*key, count) for key, count in sorted(numbers.items()))


def _lead(incident: Incident, alerts: Sequence[Alert]) -> Alert | None:
    return next((alert for alert in alerts if alert.labels == incident.labels), None)
