"""Whatever a server may send through the middleware: other scopes, other methods, apps below apps, streams cut off."""

import asyncio
import gc
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from budget import scaled
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapkit import Workbench, workbench

Message = dict[str, Any]


async def answer(_request: Request) -> Response:
    return PlainTextResponse("well")


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(1_000):
        yield b"chunk"
        await asyncio.sleep(0)


async def stream(_request: Request) -> Response:
    return StreamingResponse(chunks())


async def broken_chunks() -> AsyncIterator[bytes]:
    yield b"chunk"
    raise ValueError("the app's own")


async def broken(_request: Request) -> Response:
    return StreamingResponse(broken_chunks())


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


ROUTES = [
    Route("/hook/{id}", answer, methods=["POST", "GET", "HEAD"]),
    Route("/stream", stream, methods=["POST"]),
    Route("/broken", broken, methods=["POST"]),
    WebSocketRoute("/talk", talk),
]


class Server:
    """Speaks ASGI to an app as a server does."""

    def __init__(self, bench: Workbench, stopped: Callable[[], None] = lambda: None) -> None:
        inner = Starlette(routes=[Mount("/below", Starlette(routes=ROUTES)), *ROUTES])
        self.app = WebhookMiddleware(inner, Hooks(bench.processor.requests, on_stopped=stopped))
        self.sent: list[MutableMapping[str, Any]] = []
        self.has_begun = asyncio.Event()

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)
        self.has_begun.set()

    async def call(self, kind: str, *received: Message, **scope: Any) -> Any:
        """What the app raised, None if nothing."""
        waiting = list(received)

        async def receive() -> Message:
            if not waiting:
                await asyncio.Event().wait()
            return waiting.pop(0)

        shared = {
            "asgi": {"version": "3.0"},
            "headers": [],
            "query_string": b"",
            "root_path": "",
            "http_version": "1.1",
        }
        try:
            await self.app({"type": kind, **shared, **scope}, receive, self.send)
        except Exception as error:  # noqa: BLE001 - what a server would see
            return type(error)
        return None

    async def request(self, method: str, path: str, *then: Message) -> Any:
        whole = {"type": "http.request", "body": b"", "more_body": False}
        return await self.call("http", whole, *then, method=method, path=path)

    @property
    def statuses(self) -> list[int]:
        return [message["status"] for message in self.sent if message["type"] == "http.response.start"]


@pytest.mark.parametrize(
    ("method", "path", "status", "span", "webhooks"),
    [
        ("POST", "/hook/1", 200, "POST /hook/{id}", [("/hook/{id}", "accepted")]),
        ("HEAD", "/hook/1", 200, "HEAD /hook/{id}", []),
        ("OPTIONS", "/hook/1", 405, "OPTIONS /hook/{id}", []),
        ("BREW", "/hook/1", 405, "_OTHER /hook/{id}", []),
        ("POST", "/below/hook/1", 200, "POST /below/hook/{id}", [("/below/hook/{id}", "accepted")]),
        ("POST", "/nowhere", 404, "POST", [("", "rejected")]),
        ("POST", "/stream", 200, "POST /stream", [("/stream", "accepted")]),
    ],
)
async def test_methods_and_mounted_apps(method, path, status, span, webhooks):
    with workbench(lambda method, route: "twilio" if method == "POST" else None) as bench:
        server = Server(bench)
        raised = await server.request(method, path)
        assert [raised, server.statuses] == [None, [status]]
        assert [span.name for span in bench.spans] == [span]
        assert [(webhook.route, webhook.outcome) for webhook in bench.seen.webhooks] == webhooks


async def test_a_web_socket_passes_and_is_no_webhook():
    with workbench() as bench:
        server = Server(bench)
        raised = await server.call("websocket", {"type": "websocket.connect"}, path="/talk", subprotocols=[])
        kinds = [message["type"] for message in server.sent]
        assert [raised, kinds] == [None, ["websocket.accept", "websocket.send", "websocket.close"]]
        assert [bench.spans, bench.seen.webhooks] == [[], []]


async def test_a_lifespan_passes_and_tells_when_the_app_has_stopped():
    stopped: list[int] = []
    with workbench() as bench:
        server = Server(bench, lambda: stopped.append(len(server.sent)))
        raised = await server.call("lifespan", {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
        kinds = [message["type"] for message in server.sent]
    assert [raised, kinds] == [None, ["lifespan.startup.complete", "lifespan.shutdown.complete"]]
    assert stopped == [1]  # before the last word, after which the server may end the process


async def test_a_scope_that_nobody_knows_is_the_app_s_to_refuse():
    with workbench() as bench:
        assert await Server(bench).call("unheard-of") is AssertionError


async def test_a_stream_whose_client_goes_away_is_abandoned():
    with workbench() as bench:
        await Server(bench).request("POST", "/stream", {"type": "http.disconnect"})
        (webhook,) = bench.seen.webhooks
        assert [webhook.outcome, len(bench.processor.requests._active)] == ["abandoned", 0]


async def test_a_stream_that_breaks_is_an_error_and_the_app_s_own_exception_passes():
    with workbench() as bench:
        raised = await Server(bench).request("POST", "/broken")
        (webhook,) = bench.seen.webhooks
        assert raised is ValueError
        assert [webhook.outcome, webhook.status_code, webhook.error_type] == ["error", 200, "ValueError"]


async def test_a_request_that_is_cancelled_in_its_stream_is_abandoned():
    with workbench() as bench:
        server = Server(bench)
        running = asyncio.create_task(server.request("POST", "/stream"))
        await server.has_begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        (webhook,) = bench.seen.webhooks
        assert webhook.outcome == "abandoned"


MANY = scaled(10_000)
MOST_BYTES = 24_000
"""Per request that runs, with its span, its task and a phase; what the app itself keeps included."""


@pytest.mark.slow
async def test_ten_thousand_requests_at_once_are_bounded_and_leave_nothing_behind():
    with workbench() as bench:
        processor, gate, arrived = bench.processor, asyncio.Event(), asyncio.Event()

        async def held(scope: Any, receive: Any, send: Any) -> None:
            if len(processor.requests._active) == MANY:
                arrived.set()
            await gate.wait()
            await answer_plainly(send)

        app = WebhookMiddleware(held, Hooks(processor.requests), "/hook")
        before = resident_bytes()
        running = [asyncio.create_task(posted(app)) for _ in range(MANY)]
        await arrived.wait()
        each_bytes = (resident_bytes() - before) / MANY
        processor.requests.unix_ns = lambda: 2 * 10**18
        processor.sweep()
        shown = Counter(span.name for span in bench.spans)
        gate.set()
        await asyncio.gather(*running)
        running.clear()
        await asyncio.sleep(0.01)  # the loop lets go of the last tasks in its next turn
        gc.collect()
        assert each_bytes < MOST_BYTES
        assert shown == {"lapbell.pending": 20}
        assert [len(processor.requests._active), len(bench.seen.webhooks)] == [0, MANY]
        assert len(processor._open) == 0


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def answer_plainly(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def posted(app: Any) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    await app({"type": "http", "method": "POST", "path": "/hook", "headers": []}, receive, send)


@pytest.mark.parametrize("scheme", ["https", "http", "ann@example.org"])
async def test_a_scheme_that_a_proxy_made_up_is_no_series(scheme):
    with workbench() as bench:
        server = Server(bench)
        await server.call("http", {"type": "http.request"}, method="POST", path="/hook/1", scheme=scheme)
        (span,) = bench.spans
        known = scheme if scheme in {"http", "https"} else "_OTHER"
        assert (span.attributes or {})["url.scheme"] == known
