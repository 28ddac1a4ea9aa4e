"""The body of an HTTP request, within bounds of size, time and memory."""

import asyncio
from collections.abc import Mapping

from starlette.types import Receive

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
    try:
        async with asyncio.timeout(limits.body_timeout_s):
            return await _pieces(receive, limits, hold)
    except TimeoutError:
        raise Refusal(
            Reason.TOO_SLOW, f"The body did not arrive within {limits.body_timeout_s:g} s.", "Send smaller batches."
        ) from None


async def _pieces(receive: Receive, limits: Limits, hold: Hold) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
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
