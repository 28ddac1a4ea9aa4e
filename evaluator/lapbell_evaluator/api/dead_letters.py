"""What receivers refused for ever: `/api/performance/dead-letters`."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from lapbell_evaluator.api.access import Caller
from lapbell_evaluator.api.alert_schemas import Acknowledgement
from lapbell_evaluator.api.errors import PROBLEM, Problem
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.parameters import only_known_parameters
from lapbell_evaluator.api.schemas import Body
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import DeadLetter, Role

__all__ = ["router"]

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
Before = Annotated[int | None, Query(ge=1, le=2**62, description="`next` of the page before.")]


class DeadLetterView(Body):
    """One transition of an incident that one receiver refuses for ever.

    `status` is what it answered: an HTTP status, the name of a gRPC code, `partial_success`, `encoding` or `damaged`.
    `uncertain`: it was one of several of which the receiver rejected some without saying which.
    """

    id: int
    receiver: str
    transition_id: str
    alert_key: str
    what: str
    reason: str
    at: float
    attempts: int
    sent_at: float | None
    refused_at: float
    uncertain: bool
    status: str
    error: str


class DeadLetterPage(Body):
    """Dead letters, the newest first."""

    dead_letters: list[DeadLetterView]
    next: int | None


class Replay(Acknowledgement):
    """Which dead letters are to be delivered once more, and why; all of them if `ids` is absent."""

    ids: Annotated[list[Annotated[int, Field(ge=1, le=2**62)]], Field(min_length=1, max_length=1000)] | None = None


class Replayed(Body):
    """How many dead letters wait for delivery again."""

    replayed: int


def router(services: Services) -> APIRouter:
    """The routes of dead letters."""
    routes = APIRouter(
        route_class=GuardedRoute,
        prefix="/api/performance",
        tags=["performance"],
        responses={422: {"model": Problem}, "4XX": PROBLEM},
        dependencies=[Depends(only_known_parameters)],
    )
    editor = services.access.requires(Role.EDITOR)

    @routes.get("/dead-letters", dependencies=[Depends(services.access.requires(Role.VIEWER))])
    async def get_dead_letters(limit: Limit = 100, before: Before = None) -> DeadLetterPage:
        """What receivers refused for ever and why, the newest first; kept as long as their incidents."""
        page = await services.dead_letters.page(limit, before)
        return DeadLetterPage(dead_letters=[_view(letter) for letter in page.items], next=page.next)

    @routes.post("/dead-letters/replay")
    async def replay_dead_letters(body: Replay, caller: Annotated[Caller, Depends(editor)]) -> Replayed:
        """Has dead letters delivered once more, in the order in which they were written."""
        by = f"{body.by} ({caller})" if body.by else caller
        return Replayed(replayed=await services.dead_letters.replay(body.ids, by, body.reason))

    return routes


def _view(letter: DeadLetter) -> DeadLetterView:
    return DeadLetterView(
        id=letter.id,
        receiver=letter.receiver,
        transition_id=letter.transition,
        alert_key=letter.incident_key,
        what=letter.what,
        reason=letter.reason,
        at=letter.at,
        attempts=letter.attempts,
        sent_at=letter.sent_at,
        refused_at=letter.refused_at,
        uncertain=letter.is_doubtful,
        status=letter.status,
        error=letter.error,
    )
