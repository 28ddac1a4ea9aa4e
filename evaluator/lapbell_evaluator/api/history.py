"""What happened to incidents, and what people changed: the rows that are written with every move."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from lapbell_evaluator.alerts import matches, parse_filter
from lapbell_evaluator.api.alert_schemas import AuditEntryView, AuditPage, TransitionPage
from lapbell_evaluator.api.answers import body_with
from lapbell_evaluator.api.errors import PROBLEM, Problem
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.parameters import only_known_parameters
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.api.views import transition_view
from lapbell_evaluator.api.window import unix_s
from lapbell_evaluator.model import HistoryQuery, Role, State

__all__ = ["router"]

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before.")]
Filters = Annotated[list[str] | None, Query(description="Matchers, such as job=shop; all must hold.")]
Moment = Annotated[str | None, Query(description="Unix seconds or RFC 3339.")]


def router(services: Services) -> APIRouter:
    """The routes of the history."""
    routes = APIRouter(
        route_class=GuardedRoute,
        prefix="/api/performance",
        tags=["performance"],
        responses={422: {"model": Problem}, "4XX": PROBLEM},
        dependencies=[Depends(only_known_parameters)],
    )

    viewer = Depends(services.access.requires(Role.VIEWER))

    @routes.get("/alert-history", dependencies=[viewer], response_model=TransitionPage)
    async def get_alert_history(
        alert_key: Annotated[str | None, Query(pattern="^[0-9a-f]{16}$", description="Of one incident.")] = None,
        state: Annotated[State | None, Query(description="That it led to.")] = None,
        actor: Annotated[str, Query(max_length=200, description="Part of who made it; empty for all.")] = "",
        filter: Filters = None,  # noqa: A002 # Alertmanager's name
        start: Moment = None,
        end: Moment = None,
        limit: Limit = 100,
        before: Before = None,
    ) -> Response:
        """Every move of every incident with its reason and actor, the newest first; `next` leads to the page after."""
        matchers = parse_filter(filter or ())
        query = HistoryQuery(
            key=alert_key,
            state=state,
            actor=actor,
            since=0.0 if start is None else unix_s("start", start),
            until=float("inf") if end is None else unix_s("end", end),
            fits=lambda transition: matches(matchers, dict(transition.incident.labels)),
            limit=limit,
            before=before,
        )
        page = await services.alerts.history(query)
        around = TransitionPage(transitions=[], next=page.next)
        return await services.answers.written(lambda: body_with(around, transitions=map(transition_view, page.items)))

    @routes.get("/audit", dependencies=[Depends(services.access.requires(Role.ADMIN))])
    async def get_audit(limit: Limit = 100, before: Before = None) -> AuditPage:
        """What people changed, when and why, the newest first; `next` leads to the page after."""
        page = await services.alerts.audit(limit, before)
        entries = [
            AuditEntryView(at=entry.at, actor=entry.actor, action=entry.action, target=entry.target, why=entry.why)
            for entry in page.items
        ]
        return AuditPage(entries=entries, next=page.next)

    return routes
