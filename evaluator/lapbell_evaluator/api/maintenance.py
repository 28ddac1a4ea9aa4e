"""Maintenance windows: `/api/performance/maintenance`."""

from datetime import date

from fastapi import APIRouter, Depends

from lapbell_evaluator.alerts import shown
from lapbell_evaluator.api.errors import PROBLEM, Problem
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.parameters import only_known_parameters
from lapbell_evaluator.api.schemas import Body
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import MaintenanceState, Role

__all__ = ["router"]


class MaintenanceView(Body):
    """One window that recurs.

    `active`: alerts are muted by it now, since `began_at` until `ends_at` (null if it always begins anew before it
    ends); `begins_at` is when it begins the next time, null if it never does. All times are Unix seconds.
    """

    name: str
    matchers: list[str]
    schedule: str
    duration: float
    time_zone: str
    first_day: date | None
    last_day: date | None
    comment: str
    active: bool
    began_at: float | None
    ends_at: float | None
    begins_at: float | None


class MaintenanceList(Body):
    """Every window, in the order of the configuration."""

    maintenance: list[MaintenanceView]


def router(services: Services) -> APIRouter:
    """The route of maintenance windows."""
    routes = APIRouter(
        route_class=GuardedRoute,
        prefix="/api/performance",
        tags=["performance"],
        responses={422: {"model": Problem}, "4XX": PROBLEM},
        dependencies=[Depends(only_known_parameters)],
    )

    @routes.get("/maintenance", dependencies=[Depends(services.access.requires(Role.VIEWER))])
    async def get_maintenance() -> MaintenanceList:
        """The windows of the configuration: which are on, until when, and when each begins the next time."""
        return MaintenanceList(maintenance=[_view(state) for state in services.alerts.muting.maintenance()])

    return routes


def _view(state: MaintenanceState) -> MaintenanceView:
    window = state.window
    return MaintenanceView(
        name=window.name,
        matchers=[shown(matcher) for matcher in window.matchers],
        schedule=window.schedule,
        duration=window.duration_s,
        time_zone=window.zone.key,
        first_day=window.first_day,
        last_day=window.last_day,
        comment=window.comment,
        active=state.is_on,
        began_at=state.began_at,
        ends_at=state.ends_at,
        begins_at=state.begins_at,
    )
