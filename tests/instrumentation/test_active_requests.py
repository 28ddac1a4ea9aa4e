"""Requests that run are counted with their age, and leave nothing behind."""

import asyncio
import gc
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI

from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapbell.processor import ActiveRequest
from lapkit import workbench
from lapkit.hanging import Exchange, hanging, key


@pytest.mark.parametrize("kind", ["native", "own"])
async def test_what_runs_is_counted_with_its_age_and_a_route_is_at_0_when_nothing_runs(kind):
    async with hanging(kind) as stage:
        _, first = await stage.begun()
        stage.advance(1.5)
        _, second = await stage.begun()
        stage.now_ns = next(iter(stage.requests._active.values())).started_ns + 3_000_000_000
        running = {name: stage.gauge(name)[key()] for name in stage.requests.gauges[1:4]}
        stage.go_on.set()
        await asyncio.gather(first, second)
        over = {name: stage.gauge(name)[key()] for name in stage.requests.gauges[1:4]}
    assert running == {
        "webhook.active_requests": 2,
        "webhook.active_request.oldest.age": 3.0,
        "webhook.unanswered_request.oldest.age": 3.0,
    }
    assert over == dict.fromkeys(running, 0)


async def test_all_requests_are_counted_by_the_convention_where_nobody_else_does():
    counted = (("http.request.method", "GET"), ("url.scheme", "https"))
    async with hanging("own") as stage:
        _, task = await stage.begun(method="GET")
        running = stage.gauge("http.server.active_requests")
        stage.go_on.set()
        await task
        over = stage.gauge("http.server.active_requests")
    async with hanging("native") as stage:
        _, task = await stage.begun(method="GET")
        native = stage.gauge("http.server.active_requests")
        stage.go_on.set()
        await task
    assert running == {counted: 1}
    assert over == {counted: 0}
    assert native == {}


async def test_of_256_routes_it_is_known_that_nothing_runs():
    with workbench() as bench:
        requests = bench.processor.requests

        def seen() -> list[float]:
            return [float(one.value) for one in requests.observe("webhook.active_requests")]

        def route_of(number: int) -> Callable[[], str]:
            return lambda: f"/webhook/{number}"

        running = [requests.begin(None, "POST", route_of(number), lambda: None, None) for number in range(300)]
        during = seen()
        for request in running:
            requests.end(request)
        after = seen()
    assert during == [1.0] * 300
    assert after == [0.0] * 256


async def test_an_answer_that_cannot_be_sent_leaves_nothing_running():
    class Broken(Exchange):
        async def send(self, message: MutableMapping[str, Any]) -> None:
            raise OSError("gone")

    with workbench() as bench:
        app = FastAPI(telemetry=bench.telemetry)
        app.add_middleware(WebhookMiddleware, hooks=Hooks(bench.processor.requests))

        @app.post("/webhook/{name}")
        async def webhook(name: str) -> dict[str, str]:
            return {}

        with pytest.raises(OSError, match="gone"):
            await Broken(app).begin()
        running, (seen,) = list(bench.processor.requests._active), bench.seen.webhooks
    assert running == []
    assert seen.outcome == "error"


async def test_a_finished_request_leaves_nothing_to_the_collector_of_garbage():
    with workbench() as bench:
        app = FastAPI(telemetry=bench.telemetry)
        app.add_middleware(WebhookMiddleware, hooks=Hooks(bench.processor.requests))

        @app.post("/webhook/{name}")
        async def webhook(name: str) -> dict[str, str]:
            return {}

        await Exchange(app).begin()
        gc.collect()
        gc.disable()
        try:
            await Exchange(app).begin()
            await asyncio.sleep(0)  # until then the loop holds the task that it woke us for
            left = [one for one in gc.get_objects() if isinstance(one, ActiveRequest)]
        finally:
            gc.enable()
    assert left == []


async def test_the_exception_of_a_webhook_is_an_event_on_its_server_span():
    async with hanging() as stage:
        _, task = await stage.begun("broken")
        stage.go_on.set()
        with pytest.raises(RuntimeError):
            await task
    (server,) = [span for span in stage.bench.spans if span.name == "POST /webhook/{name}"]
    (event,) = server.events
    attributes = event.attributes or {}
    assert event.name == "exception"
    assert attributes["exception.type"] == "RuntimeError"
    assert attributes["exception.message"] == "no"
    assert "in webhook" in str(attributes["exception.stacktrace"])
    assert (server.attributes or {})["error.type"] == "RuntimeError"
