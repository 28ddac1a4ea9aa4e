"""Which incidents a scope speaks of."""

from lapbell_evaluator.api.ports import AlertService
from lapbell_evaluator.api.window import Scope
from lapbell_evaluator.model import IncidentView

__all__ = ["active_incidents", "resolved_incidents"]


async def active_incidents(alerts: AlertService, scope: Scope) -> list[IncidentView]:
    """Incidents of the scope's service that are not over and were there before its end, the worst first."""
    return [view for view in await alerts.incidents() if _is_of(view, scope) and view.incident.opened_at <= scope.end]


async def resolved_incidents(alerts: AlertService, scope: Scope, looked_at: int) -> list[IncidentView]:
    """Those of the last `looked_at` resolved incidents that ended within the scope, the newest first."""
    return [view for view in await alerts.resolved(looked_at) if _was_resolved(view, scope)]


def _was_resolved(view: IncidentView, scope: Scope) -> bool:
    resolved_at = view.incident.resolved_at
    return resolved_at is not None and scope.start <= resolved_at <= scope.end and _is_of(view, scope)


def _is_of(view: IncidentView, scope: Scope) -> bool:
    """Whether an incident is of the scope's service; one of a queue or of the evaluator is of every service."""
    job = dict(view.incident.labels).get("job")
    return job is None or scope.is_of(job)
