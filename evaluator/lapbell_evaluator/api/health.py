"""Whether the evaluator lives, and whether its answers can be trusted."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse

from lapbell_evaluator.api.access import Caller, requires
from lapbell_evaluator.api.errors import PROBLEM, ApiError
from lapbell_evaluator.model import Role

__all__ = ["Readiness", "router"]


class Readiness(Protocol):
    """Says what is still missing."""

    def unready(self) -> str | None:
        """Why the evaluator is not ready; None once it is."""
        ...


router = APIRouter(
    prefix="/-",
    tags=["health"],
    default_response_class=PlainTextResponse,
    responses={"4XX": PROBLEM},
)


@router.get("/healthy", dependencies=[Depends(requires(Role.NOBODY))])
async def healthy() -> PlainTextResponse:
    """200 as long as the process answers."""
    return PlainTextResponse("lapbell is healthy.\n")


@router.get("/ready", dependencies=[Depends(requires(Role.NOBODY))], responses={503: PROBLEM})
async def ready(request: Request) -> PlainTextResponse:
    """200 while every gate is open and evaluations are written, otherwise 503 with the reason."""
    readiness: Readiness = request.app.state.readiness
    missing = readiness.unready()
    if missing is not None:
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", missing, "Ask again in a moment.")
    return PlainTextResponse("lapbell is ready.\n")


@router.post("/reload")
async def reload(request: Request, caller: Annotated[Caller, Depends(requires(Role.ADMIN))]) -> PlainTextResponse:
    """Reads rules and thresholds again; what can't be used is told, and the old ones stay."""
    again: Callable[[str], Awaitable[None]] = request.app.state.reload
    await again(caller)
    return PlainTextResponse("Rules and thresholds were read again.\n")
