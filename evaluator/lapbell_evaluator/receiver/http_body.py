"""The body of an HTTP request, within bounds of size, time and memory."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import TypeVar

from starlette.types import Message, Receive, Scope

from lapbell_evaluator.receiver.body import too_large
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.room import Hold

__all__ = ["connection_of", "read_body", "while_connected"]

_T = TypeVar("_T")


def connection_of(scope: Scope) -> str:
    """Which connection a request came by."""
    host, port = scope.get("client") or ("", 0)
    return f"{host}:{port}"


async def read_body(receive: Receive, headers: Mapping[str, str], limits: Limits, hold: Hold) -> bytes:
    """The whole body, as sent; refused as soon as it is known to be too large or too slow.

    Raises:
        Refusal: nothing of it should be used.
    """
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > limits.body_bytes:
        raise too_large(limits.body_bytes)
    pieces: list[bytes] = []
    size, began = 0, asyncio.get_running_loop().time()
    while True:
        message = await _next(receive, began + limits.body.allowed_s(size))
        if message["type"] == "http.disconnect":
            raise Refusal(Reason.UNDECODABLE, "The sender hung up before its body was complete.")
        piece = message.get("body", b"")
        size += len(piece)
        if size > limits.body_bytes:
            raise too_large(limits.body_bytes)
        hold.add(len(piece))
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


async def while_connected(receive: Receive, work: Coroutine[object, object, _T]) -> _T:
    """The result of `work` on a body that has arrived; it is cancelled when the sender hangs up.

    Raises:
        Refusal: nobody waits for the answer any more.
    """
    working, hanging_up = asyncio.ensure_future(work), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait((working, hanging_up), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Refusal(Reason.UNDECODABLE, "The sender hung up before its export was taken.")
    finally:
        working.cancel()
        hanging_up.cancel()
        await asyncio.wait((working, hanging_up))


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _next(receive: Receive, due_at: float) -> Message:
    try:
        async with asyncio.timeout_at(due_at):
            return await receive()
    except TimeoutError:
        raise Refusal(Reason.TOO_SLOW, "The body comes too slowly.", "Send smaller batches.") from None
