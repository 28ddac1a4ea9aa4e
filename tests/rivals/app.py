"""A webhook of six phases and four Redis calls, driven through ASGI without a server in between."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, Final

import redis
from fastapi import FastAPI

__all__ = ["OPERATIONS", "PHASES", "Driver", "build_app"]

PHASES: Final = (
    "validation", "signature_validation", "cache_lookup", "redis_operation", "task_queuing", "response_preparation",
)  # fmt: skip
OPERATIONS: Final = 4

Phase = Callable[[str], AbstractContextManager[Any]]


def build_app(app: FastAPI, phase: Phase, client: redis.Redis) -> None:
    """Give an app its webhook."""

    @app.post("/webhook/{name}")
    async def webhook(name: str) -> dict[str, str]:
        with phase("validation"):
            pass
        with phase("signature_validation"):
            pass
        with phase("cache_lookup"):
            client.get("bench:cache")
        with phase("redis_operation"):
            client.set("bench:seen", "1")
            client.get("bench:seen")
        with phase("task_queuing"):
            client.set("bench:task", "1")
        with phase("response_preparation"):
            return {"name": name}


class Driver:
    """Sends requests to an app in this process."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._loop = asyncio.new_event_loop()
        self._body = {"type": "http.request", "body": b"", "more_body": False}

    def requests(self, count: int) -> float:
        """CPU microseconds per request, of all threads of the process."""
        return self._loop.run_until_complete(self._requests(count))

    def idle(self, seconds: float) -> float:
        """CPU milliseconds of all threads per second in which nothing is asked of the app."""
        began = time.process_time_ns()
        self._loop.run_until_complete(asyncio.sleep(seconds))
        return (time.process_time_ns() - began) / 1e6 / seconds

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something else on the same loop."""
        self._loop.run_until_complete(work)

    async def _requests(self, count: int) -> float:
        began = time.process_time_ns()
        for _ in range(count):
            await self.request()
        return (time.process_time_ns() - began) / count / 1_000

    async def request(self) -> None:
        """One webhook; it must be answered with 200."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/webhook/whatsapp",
            "raw_path": b"/webhook/whatsapp",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"bench.test"), (b"content-length", b"0")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return self._body

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await self._app(scope, receive, send)
        if statuses != [200]:
            raise AssertionError(f"the app answered {statuses}")
