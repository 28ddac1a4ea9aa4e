"""A request that only reads ends when its client hangs up: nobody waits for the query any more."""

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["EndsWithItsClient"]

_READING: Final = frozenset({"GET", "HEAD"})
_QUERIES: Final = frozenset(
    f"/api/v1/{name}" for name in ("query", "query_range", "query_exemplars", "series", "labels")
)
"""What these answer to a POST they answer to a GET: long queries come as forms."""

_DISCONNECT: Final = "http.disconnect"


class EndsWithItsClient:
    """Cancels what is done for a reading request when its client hangs up; what writes goes on.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not (scope["method"] in _READING or scope["path"] in _QUERIES):
            await self._app(scope, receive, send)
            return
        messages: asyncio.Queue[Message | Exception] = asyncio.Queue()
        reading = asyncio.ensure_future(_until_the_client_is_gone(receive, messages))
        answering = asyncio.ensure_future(self._app(scope, lambda: _next(messages), send))
        try:
            await asyncio.wait((reading, answering), return_when=asyncio.FIRST_COMPLETED)
            if not answering.done() and not reading.result():
                await asyncio.wait((answering,))
        finally:
            reading.cancel()
            answering.cancel()
            await asyncio.wait((reading, answering))
        if not answering.cancelled():
            answering.result()


async def _until_the_client_is_gone(receive: Receive, messages: "asyncio.Queue[Message | Exception]") -> bool:
    """Pass on the body's messages; false if one could not be read, which the app hears of."""
    while True:
        try:
            message = await receive()
        except Exception as error:  # noqa: BLE001 - the app gets it, whatever it is
            messages.put_nowait(error)
            return False
        messages.put_nowait(message)
        if message["type"] == _DISCONNECT:
            return True


async def _next(messages: "asyncio.Queue[Message | Exception]") -> Message:
    message = await messages.get()
    if isinstance(message, Exception):
        raise message
    return message
