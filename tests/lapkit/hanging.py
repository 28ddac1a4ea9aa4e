"""An app whose webhooks hang until they are let go, and whose clients can go away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.types import ASGIApp

import lapbell
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapbell.processor import ActiveRequests
from lapkit import Workbench, workbench

__all__ = ["DEADLINES", "ROUTE", "Exchange", "Hanging", "hanging", "key"]

DEADLINES = {"twilio": 15.0, "sentry": 1.0}
ROUTE = {"webhook.provider": "twilio", "http.route": "/webhook/{name}"}


class Exchange:
    """One request to an app, whose client can go away, and whose app hangs until it is let go."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gone = asyncio.Event()
        self.body: list[dict[str, Any]] = [{"type": "http.request", "body": b"", "more_body": False}]
        self.sent: list[MutableMapping[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if self.body:
            return self.body.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        self.sent.append(message)

    def begin(self, name: str = "whatsapp", method: str = "POST") -> "asyncio.Task[None]":
        """Send the request."""
        scope = {
            "type": "http",
            "method": method,
            "path": f"/webhook/{name}",
            "raw_path": b"",
            "query_string": b"",
            "headers": [],
            "http_version": "1.1",
            "scheme": "https",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
        }

        async def serve() -> None:
            await self._app(scope, self.receive, self.send)

        return asyncio.create_task(serve())

    def go_away(self) -> None:
        self._gone.set()


class Hanging:
    """An app that answers when it is let go, and the requests that it has running; its clock is the workbench's."""

    def __init__(self, bench: Workbench, app: FastAPI | Starlette) -> None:
        self.bench = bench
        self.now_ns = 0
        self.go_on = asyncio.Event()
        self.entered = asyncio.Semaphore(0)
        self.requests: ActiveRequests = bench.processor.requests
        self.requests.unix_ns = lambda: self.now_ns
        self.app = app
        app.add_middleware(WebhookMiddleware, hooks=Hooks(self.requests))

    async def hang(self) -> None:
        self.entered.release()
        await self.go_on.wait()

    async def begun(self, name: str = "whatsapp", **more: str) -> tuple[Exchange, "asyncio.Task[None]"]:
        exchange = Exchange(self.app)
        task = exchange.begin(name, **more)
        await self.entered.acquire()
        self.now_ns = next(reversed(self.requests._active.values())).started_ns
        return exchange, task

    def advance(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)

    def gauge(self, name: str) -> dict[tuple[tuple[str, object], ...], float]:
        values = self.requests.observe(name)
        return {tuple(sorted((each.attributes or {}).items())): round(float(each.value), 6) for each in values}

    def slo(self) -> dict[tuple[str, str], int]:
        return {
            (point.attributes["webhook.slo.threshold"], point.attributes["webhook.slo.result"]): point.value
            for point in self.bench.points("webhook.slo.requests")
        }

    async def watch_clients(self) -> None:
        """What the heartbeat of the loop does ten times a second: a first time for the body, a second for the end."""
        for _ in range(2):
            self.requests.watch_clients()
            for _ in range(5):
                await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def hanging(kind: str = "native", **more: Any) -> AsyncIterator[Hanging]:
    with workbench(deadlines_s=DEADLINES, **more) as bench:
        telemetry = bench.telemetry if kind == "native" else bench.telemetry | {"tracing": False, "metrics": False}
        app = FastAPI(telemetry=telemetry)
        stage = Hanging(bench, app)

        @app.post("/webhook/{name}")
        @app.get("/webhook/{name}")
        async def webhook(name: str) -> dict[str, str]:
            with lapbell.phase("signature_validation"):
                pass
            with lapbell.phase("cache_lookup"):
                await stage.hang()
            if name == "broken":
                raise RuntimeError("no")
            return {}

        @app.post("/webhook/of/sentry")
        @lapbell.webhook("sentry")
        async def of_sentry() -> dict[str, str]:
            await stage.hang()
            return {}

        @app.post("/webhook/streams/forever")
        async def streams() -> StreamingResponse:
            async def chunks() -> AsyncIterator[bytes]:
                yield b"begun"
                await stage.hang()

            return StreamingResponse(chunks())

        yield stage
        stage.go_on.set()


def key(**more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((ROUTE | {name.replace("_", "."): value for name, value in more.items()}).items()))
