"""Whether the evaluator lives, and whether its answers can be trusted."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse

from lapbell_evaluator.api.access import Caller
from lapbell_evaluator.api.errors import PROBLEM, ApiError
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import Role

__all__ = ["PATHS", "router"]

PATHS: Final = frozenset({"/-/healthy", "/-/ready"})
"""Answered to everybody, however many requests are under way."""


def router(services: Services) -> APIRouter:
    """The routes of health, readiness and reload."""
    routes = APIRouter(
        route_class=GuardedRoute,
        prefix="/-",
        tags=["health"],
        default_response_class=PlainTextResponse,
        responses={"4XX": PROBLEM},
    )
    anybody = Depends(services.access.requires(Role.NOBODY))
    admin = services.access.requires(Role.ADMIN)

    @routes.get("/healthy", dependencies=[anybody], responses={503: PROBLEM})
    async def healthy() -> PlainTextResponse:
        """200 as long as the process answers and goes on by itself, otherwise 503 with the reason to start it anew."""
        reason = services.readiness.unhealthy()
        if reason is not None:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "unhealthy", reason, "Start the evaluator anew.")
        return PlainTextResponse("lapbell is healthy.\n")

    @routes.get("/ready", dependencies=[anybody], responses={503: PROBLEM})
    async def ready() -> PlainTextResponse:
        """200 while every gate is open and evaluations are written, otherwise 503 with the reason."""
        missing = services.readiness.unready()
        if missing is not None:
            raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", missing, "Ask again in a moment.")
        return PlainTextResponse("lapbell is ready.\n")

    @routes.post("/reload")
    async def reload(caller: Annotated[Caller, Depends(admin)]) -> PlainTextResponse:
        """Reads rules, thresholds and receivers again; what can't be used is told, and all stays."""
        await services.reload(caller)
        return PlainTextResponse("Rules and thresholds were read again.\n")

    return routes
