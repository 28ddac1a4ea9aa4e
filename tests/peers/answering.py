"""An HTTP endpoint on a free port that answers as a test says."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from lapbell_evaluator.server import Server

__all__ = ["Answer", "Request", "answering"]

_OK = 200


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came; headers by their lower-case names."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint answers."""

    status: int = _OK
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/x-protobuf"),)

    @property
    def is_success(self) -> bool:
        """Whether it says that the request was taken."""
        return self.status == _OK


@asynccontextmanager
async def answering(answer_of: Callable[[Request], Answer | Awaitable[Answer]]) -> AsyncIterator[str]:
    """The URL of the endpoint; who gives an awaitable says when it answers."""

    async def app(
        scope: MutableMapping[str, Any], receive: Callable[[], Any], send: Callable[[MutableMapping[str, Any]], Any]
    ) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        own = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        judged = answer_of(Request(scope["path"], own, body))
        answer = await judged if isawaitable(judged) else judged
        headers = [(name.encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    server = Server(app, "127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()
