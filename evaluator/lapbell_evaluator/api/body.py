"""Request bodies of the REST gate are small and come soon, whoever sends them."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lapbell_evaluator.server import Pace

__all__ = ["BoundedBody"]

_MOST_BYTES: Final = 1024 * 1024


class BoundedBody:
    """Refuses a body of more than a mebibyte (413), and one that comes too slowly (408).

    Args:
        app: what answers.
        pace: how slowly a body may come.
    """

    def __init__(self, app: ASGIApp, pace: Pace) -> None:
        self._app = app
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        began = asyncio.get_running_loop().time()
        received, is_whole = 0, False

        async def bounded() -> Message:
            nonlocal received, is_whole
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(began + self._pace.allowed_s(received)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
            received += len(message.get("body", b""))
            if received > _MOST_BYTES:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            is_whole = not message.get("more_body", False)
            return message

        await self._app(scope, bounded, send)
