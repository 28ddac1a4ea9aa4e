"""Request bodies of the REST gate are small and come soon, whoever sends them."""

import asyncio
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BoundedBody"]

_MOST_BYTES: Final = 1024 * 1024
_TIMEOUT_S: Final = 10.0


class BoundedBody:
    """Refuses a body of more than a mebibyte (413), and one that takes more than ten seconds (408).

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        deadline = asyncio.get_running_loop().time() + _TIMEOUT_S
        left, is_whole = _MOST_BYTES, False

        async def bounded() -> Message:
            nonlocal left, is_whole
            if is_whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from None
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            is_whole = not message.get("more_body", False)
            return message

        await self._app(scope, bounded, send)
