"""Webhooks of every temper behind one port: each path is one, and says what it took."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from lapbell_evaluator.server import Server

__all__ = ["TEMPERS", "Took", "Troubled", "troubled"]

POISON: Final = "Poison"
_PIECE: Final = bytes(65_536)
_PIECES: Final = 16_384  # 1 GiB


@dataclass(frozen=True, slots=True)
class Took:
    """A document that a webhook took, whether or not its answer arrived.

    Attributes:
        at: Unix seconds, by the clock of the loop.
        key: what its idempotency key was.
        news: the transitions that it told for the first time.
        alerts: its alerts, as they came.
    """

    at: float
    key: str
    news: tuple[str, ...]
    alerts: tuple[dict[str, Any], ...]


async def _takes(troubled: "Troubled", name: str, body: bytes, send: Send) -> None:
    troubled.take(name, body)
    await _answer(send, 200)


async def _flaps(troubled: "Troubled", name: str, body: bytes, send: Send) -> None:
    """Of three: one is taken, one is not, and of one only the answer is lost."""
    chance = troubled.chance.random()
    if chance < 2 / 3:
        troubled.take(name, body)
    await _answer(send, 200 if chance < 1 / 3 else 500)


async def _stalls(troubled: "Troubled", name: str, body: bytes, _send: Send) -> None:
    """Half of them are taken; the answer never comes."""
    if troubled.chance.random() < 1 / 2:
        troubled.take(name, body)
    await asyncio.Event().wait()


async def _redirects(_troubled: "Troubled", _name: str, _body: bytes, send: Send) -> None:
    await _answer(send, 307, (b"location", b"/steady"))


async def _is_busy(troubled: "Troubled", name: str, body: bytes, send: Send) -> None:
    if troubled.chance.random() < 1 / 2:
        await _answer(send, 429, (b"retry-after", b"1"))
    else:
        await _takes(troubled, name, body, send)


async def _floods(troubled: "Troubled", name: str, body: bytes, send: Send) -> None:
    """Takes it, and answers with 1 GiB to whoever reads that much."""
    troubled.take(name, body)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(_PIECES):
        await send({"type": "http.response.body", "body": _PIECE, "more_body": True})
        await asyncio.sleep(0)  # whoever hung up is seen
    await send({"type": "http.response.body", "body": b""})


async def _is_poisoned(troubled: "Troubled", name: str, body: bytes, send: Send) -> None:
    """Refuses for ever whatever speaks of one alert."""
    if POISON.encode() in body:
        await _answer(send, 400)
    else:
        await _takes(troubled, name, body, send)


TEMPERS: Final[dict[str, Callable[["Troubled", str, bytes, Send], Awaitable[None]]]] = {
    "steady": _takes,
    "flapping": _flaps,
    "stalled": _stalls,
    "redirecting": _redirects,
    "busy": _is_busy,
    "flooding": _floods,
    "poisoned": _is_poisoned,
}


class Troubled:
    """What the webhooks took so far, by name.

    Args:
        seed: of their tempers.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.took: dict[str, list[Took]] = defaultdict(list)
        self.is_healed = False
        self._clock = asyncio.get_running_loop().time
        self.port = 0

    def take(self, name: str, body: bytes) -> None:
        document = json.loads(body)
        said = Took(
            self._clock(), document["idempotencyKey"], tuple(document["transitionIds"]), tuple(document["alerts"])
        )
        self.took[name].append(said)

    def healed(self) -> None:
        """From now on each takes what it is sent, but for the poison."""
        self.is_healed = True

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What an ASGI app does: the webhook of the path answers, until its sender is gone."""
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # its sender was killed
            body += message.get("body", b"")
            more = message.get("more_body", False)
        name = scope["path"].strip("/")
        temper = _takes if self.is_healed and name != "poisoned" else TEMPERS[name]
        sending = asyncio.ensure_future(temper(self, name, body, send))
        gone = asyncio.ensure_future(_gone(receive))
        await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        sending.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _answer(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def troubled(seed: int) -> AsyncIterator[Troubled]:
    """The webhooks, on a free port of this machine."""
    webhooks = Troubled(seed)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await webhooks.answer(scope, receive, send)

    server = Server(app, "127.0.0.1:0")
    await server.start()
    webhooks.port = server.port
    try:
        yield webhooks
    finally:
        await server.stop()
