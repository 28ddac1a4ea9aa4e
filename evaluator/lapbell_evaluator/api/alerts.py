"""Alerts as the seed answers them, and what people do about them: `/api/performance/alerts…`."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Response

from lapbell_evaluator.alerts import UnknownIncidentError
from lapbell_evaluator.api.access import Caller
from lapbell_evaluator.api.alert_schemas import Acknowledgement, AlertDetail, AlertList, AlertView, Resolution
from lapbell_evaluator.api.answers import body_with
from lapbell_evaluator.api.errors import PROBLEM, ApiError, Problem
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.incidents import active_incidents, resolved_incidents
from lapbell_evaluator.api.parameters import only_known_parameters
from lapbell_evaluator.api.schemas import Span
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.api.views import alert_counts, alert_detail, alert_view, storm_view
from lapbell_evaluator.api.window import Scope, ScopeQuery
from lapbell_evaluator.model import HistoryQuery, IncidentView, Role, StorageError

__all__ = ["router"]

_RESOLVED_LOOKED_AT: Final = 1000
_RESOLVED_SHOWN: Final = 100
_MOVES_SHOWN: Final = 1000

Asked = Annotated[ScopeQuery, Depends()]
Key = Annotated[str, Path(description="The incident's `alert_key`: 16 hex digits.", pattern="^[0-9a-f]{16}$")]


def router(services: Services) -> APIRouter:
    """The routes of alerts."""
    routes = APIRouter(
        route_class=GuardedRoute,
        prefix="/api/performance",
        tags=["performance"],
        responses={422: {"model": Problem}, "4XX": PROBLEM},
        dependencies=[Depends(only_known_parameters)],
    )
    viewer = Depends(services.access.requires(Role.VIEWER))
    editor, resolver = services.access.requires(Role.EDITOR), services.access.may_resolve()

    @routes.get("/alerts", dependencies=[viewer], response_model=AlertList)
    async def get_alerts(parameters: Asked) -> Response:
        """Active incidents with the phase to blame and the traces that prove it, storms, what was resolved lately."""
        return await _alert_list(services, parameters.scope(services.clock.now()))

    @routes.get("/alerts/{alert_key}", dependencies=[viewer], responses={404: {"model": Problem}})
    async def get_alert(alert_key: Key) -> AlertDetail:
        """One incident, the open one of the key or the last resolved, with its moves, timeline and deliveries."""
        return await _alert_detail(services, alert_key)

    @routes.post("/alerts/{alert_key}/resolve", responses={404: {"model": Problem}})
    async def resolve_alert(
        alert_key: Key, body: Resolution, caller: Annotated[Caller, Depends(resolver)]
    ) -> AlertView:
        """Resolves an incident by hand: it stays quiet until its condition clears and returns, or worsens."""
        try:
            incident = await services.alerts.resolve(alert_key, _actor(body, caller), body.reason)
        except UnknownIncidentError:
            raise _no_such_alert(alert_key, "firing or recovering") from None
        return await _with_deliveries(services, incident)

    @routes.post("/alerts/{alert_key}/acknowledge", responses={404: {"model": Problem}})
    async def acknowledge_alert(
        alert_key: Key, body: Acknowledgement, caller: Annotated[Caller, Depends(editor)]
    ) -> AlertView:
        """Takes an incident: repeats stop, its resolved message still comes."""
        try:
            incident = await services.alerts.acknowledge(alert_key, _actor(body, caller), body.reason)
        except UnknownIncidentError:
            raise _no_such_alert(alert_key, "active") from None
        return await _with_deliveries(services, incident)

    return routes


async def _alert_list(services: Services, scope: Scope) -> Response:
    active = await active_incidents(services.alerts, scope)
    storms = await services.alerts.storms(active)
    ended, missing = await _resolved(services, scope)
    views = await services.alerts.with_deliveries((*active, *ended[:_RESOLVED_SHOWN]))

    def write() -> Iterator[bytes]:
        around = AlertList(
            window=Span(start=scope.start, end=scope.end),
            summary=alert_counts(active, storms),
            alerts=[],
            recently_resolved=[],
            storms=[storm_view(storm) for storm in storms],
            missing=missing,
        )
        alerts, resolved = (
            (alert_view(view, services.trace_url) for view in part)
            for part in (views[: len(active)], views[len(active) :])
        )
        return body_with(around, alerts=alerts, recently_resolved=resolved)

    return await services.answers.written(write)


async def _resolved(services: Services, scope: Scope) -> tuple[list[IncidentView], str | None]:
    """What was resolved in the scope, or why that is not known: what fires now is shown all the same."""
    try:
        return await resolved_incidents(services.alerts, scope, _RESOLVED_LOOKED_AT), None
    except StorageError as error:
        return [], str(error)


async def _alert_detail(services: Services, alert_key: str) -> AlertDetail:
    try:
        (view,) = await services.alerts.with_deliveries([await services.alerts.incident(alert_key)])
    except UnknownIncidentError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, "no_such_alert", error.message, error.remedy) from None
    own = HistoryQuery(
        alert_key, fits=lambda transition: transition.incident.id == view.incident.id, limit=_MOVES_SHOWN
    )
    moves = (await services.alerts.history(own)).items[::-1]
    kept = await services.trace_library.of_incident(view.incident.id)
    return alert_detail(view, moves, services.trace_url, kept)


async def _with_deliveries(services: Services, incident: IncidentView) -> AlertView:
    (view,) = await services.alerts.with_deliveries([incident])
    return alert_view(view, services.trace_url)


def _actor(body: Acknowledgement, caller: Caller) -> str:
    """Who acts: the name that is claimed, and always the role that was proven."""
    return f"{body.by} ({caller})" if body.by else caller


def _no_such_alert(alert_key: str, state: str) -> ApiError:
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "no_such_alert",
        f"No {state} alert has the key {alert_key}.",
        "`lapbell alerts list` and GET /api/performance/alerts list the keys, each with its state.",
    )
