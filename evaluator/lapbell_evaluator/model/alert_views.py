"""What REST, the command line and the dashboard read about alerts."""

from dataclasses import dataclass

from lapbell_evaluator.model.alert import Alert, Health, Incident
from lapbell_evaluator.model.timeline import Timeline

__all__ = ["IncidentView"]


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident as a person reads it, at one instant.

    Attributes:
        incident: the incident, with its last value.
        alerts: its alerts that are not inactive, the highest severity first; empty once resolved.
        name: the value of `alertname`.
        category: the label `category`; empty if there is none.
        message: the rendered `summary`, or the alert's name.
        description: the rendered `description`.
        runbook_url: where to read on.
        duration_s: from `fired_at` (pending: `opened_at`) to now, or to `recovering_at`, or to `resolved_at`.
        is_acknowledged: a person has taken it.
        is_held: resolved by hand while the condition was not yet seen to clear.
        health: the worst health of its alerts.
        detail: why the health is what it is.
        timeline: when it began, and when receivers were notified.
        silenced_by: ids of the active silences that match it.
        inhibited_by: keys of the incidents that inhibit it.
        maintained_by: names of the maintenance windows that are on and match it.
        is_flapping: it fired again and again of late.
        explains: keys of the incidents that are not over and that it explains.
    """

    incident: Incident
    alerts: tuple[Alert, ...]
    name: str
    category: str
    message: str
    description: str
    runbook_url: str
    duration_s: float
    is_acknowledged: bool
    is_held: bool
    health: Health
    detail: str
    timeline: Timeline
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    maintained_by: tuple[str, ...] = ()
    is_flapping: bool = False
    explains: tuple[str, ...] = ()
