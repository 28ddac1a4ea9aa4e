"""What the REST gate answers while another evaluator has the database: it lives, and is not ready."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from lapbell_evaluator.api.errors import Problem
from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.server import Server

__all__ = ["waiting_gate"]

_EVERY_METHOD: Final = ["GET", "POST", "PUT", "DELETE"]
_log: Final = logging.getLogger(__name__)


@asynccontextmanager
async def waiting_gate(listen: str) -> AsyncIterator[Callable[[str], None]]:
    """Gives what is to be called with who has the database: from then on `listen` says so, until the block ends.

    Where the port is taken, as by the other evaluator on the same machine, nobody is told.
    """
    owner = ""
    starting: asyncio.Task[None] | None = None

    async def healthy(_: Request) -> Response:
        return PlainTextResponse("lapbell is healthy.\n")

    async def not_ready(_: Request) -> Response:
        problem = Problem(
            code="not_ready",
            message=f"This evaluator follows another, which has the alert database: {owner}.",
            remedy="Ask that one; this one takes over when it has gone.",
        )
        return JSONResponse(problem.model_dump(), HTTPStatus.SERVICE_UNAVAILABLE)

    routes = [Route("/-/healthy", healthy), Route("/{path:path}", not_ready, methods=_EVERY_METHOD)]
    server = Server(Starlette(routes=routes), listen, setting="listen.rest")

    def waiting(whom: str) -> None:
        nonlocal owner, starting
        owner = whom
        if starting is None:
            starting = asyncio.get_running_loop().create_task(server.start())

    try:
        yield waiting
    finally:
        if starting is not None:
            await _stopped(server, starting)


async def _stopped(server: Server, starting: asyncio.Task[None]) -> None:
    try:
        await starting
    except EvaluatorError as error:
        _log.warning("Nobody was told that this evaluator waited: %s", error)
    else:
        await server.stop()
