"""How many requests may be under way on the REST gate."""

from http import HTTPStatus
from typing import Final

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lapbell_evaluator.api.access import Access
from lapbell_evaluator.api.errors import Problem
from lapbell_evaluator.server import Shares

__all__ = ["Turnstile"]

_RETRY_AFTER_S: Final = "2"


class Turnstile:
    """Answers 503 where too many requests are under way already, of everybody or of the one who asks.

    Args:
        app: what answers.
        access: says who asks, from the head alone.
        shares: how many may be under way.
        beside: paths that need no place: health, so that an evaluator at its limit is not taken for dead, and what
            counts its own.
    """

    def __init__(self, app: ASGIApp, access: Access, shares: Shares, beside: frozenset[str]) -> None:
        self._app = app
        self._access = access
        self._shares = shares
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in self._beside:
            await self._app(scope, receive, send)
            return
        sender = self._access.sender(Request(scope))
        if not self._shares.take(sender):
            await _full(self._shares)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._shares.give_back(sender)


def _full(shares: Shares) -> JSONResponse:
    problem = Problem(
        code="too_many_requests",
        message=f"{shares.used} requests are under way; {shares.limit} may be, of one caller {shares.each}.",
        remedy="Ask again in a moment, with fewer requests at once; see limits.requests.",
    )
    return JSONResponse(problem.model_dump(), HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": _RETRY_AFTER_S})
