"""The body of an HTTP request, within bounds of size, time and memory."""

import asyncio
from collections.abc import Mapping

from starlette.types import Message, Receive

from lapbell_evaluator.receiver.body import too_large
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.room import Hold

__all__ = ["read_body"]


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


async def _next(receive: Receive, due_at: float) -> Message:
    try:
        async with asyncio.timeout_at(due_at):
            return await receive()
    except TimeoutError:
        raise Refusal(Reason.TOO_SLOW, "The body comes too slowly.", "Send smaller batches.") from None
