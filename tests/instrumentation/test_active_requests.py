"""Work in flight: what runs is counted while it runs, and a webhook that nobody waits for any more is abandoned."""

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import lapbell
from lapbell.integrations.asgi import Hooks, WebhookMiddleware
from lapbell.processor import ActiveRequest, ActiveRequests
from lapkit import Workbench, workbench

DEADLINES = {"twilio": 15.0, "sentry": 1.0}
ROUTE = {"webhook.provider": "twilio", "http.route": "/webhook/{name}"}


class Exchange:
    """One request to an app, whose client can go away, and whose app hangs until it is let go."""

    def __init__(self, app) -> None:
        self._app = app
        self._gone = asyncio.Event()
        self._body = [{"type": "http.request", "body": b"", "more_body": False}]
        self.sent: list[dict] = []

    async def receive(self) -> dict:
        if self._body:
            return self._body.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict) -> None:
        self.sent.append(message)

    def begin(self, name: str = "whatsapp", method: str = "POST") -> "asyncio.Task[None]":
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
        return asyncio.create_task(self._app(scope, self.receive, self.send))

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

    async def begun(self, name: str = "whatsapp", **more) -> tuple[Exchange, "asyncio.Task[None]"]:
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
async def hanging(kind: str = "native", **more) -> AsyncIterator[Hanging]:
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
            async def chunks():
                yield b"begun"
                await stage.hang()

            return StreamingResponse(chunks())

        yield stage
        stage.go_on.set()


def key(**more: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((ROUTE | {name.replace("_", "."): value for name, value in more.items()}).items()))


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


async def test_a_webhook_that_passes_its_limits_while_it_runs_is_overdue_and_missed_once():
    async with hanging() as stage:
        _, task = await stage.begun()
        seen = []
        for seconds in (0.4, 0.2, 1.5, 4.0, 10.0):
            stage.advance(seconds)
            stage.requests.sweep()
            overdue = stage.gauge("webhook.active_requests.overdue")
            limits = [overdue[key(webhook_overdue_limit=limit)] for limit in ("requirement", "deadline")]
            seen.append((stage.slo(), limits, len(stage.bench.requested_exports)))
        stage.go_on.set()
        await task
        at_the_end = stage.slo()
    missed = [("0.5", "missed"), ("2", "missed"), ("15", "missed")]
    assert seen == [
        ({}, [0, 0], 0),
        (dict.fromkeys(missed[:1], 1), [0, 0], 0),
        (dict.fromkeys(missed[:2], 1), [1, 0], 1),
        (dict.fromkeys(missed[:2], 1), [1, 1], 2),
        (dict.fromkeys(missed, 1), [1, 1], 2),
    ]
    assert at_the_end == dict.fromkeys(missed, 1)


async def test_a_provider_s_deadline_is_a_limit_and_a_threshold_of_its_webhooks():
    async with hanging() as stage:
        _, task = await stage.begun("of/sentry")
        stage.advance(1.1)
        stage.requests.sweep()
        attributes = {"webhook.provider": "sentry", "http.route": "/webhook/of/sentry"}
        overdue = stage.gauge("webhook.active_requests.overdue")
        limits = {
            limit: overdue[tuple(sorted((attributes | {"webhook.overdue.limit": limit}).items()))]
            for limit in ("requirement", "deadline")
        }
        slo, exports = stage.slo(), len(stage.bench.requested_exports)
        stage.go_on.set()
        await task
    assert limits == {"requirement": 0, "deadline": 1}
    assert slo == {("0.5", "missed"): 1, ("1", "missed"): 1}
    assert exports == 1


async def test_an_answer_that_has_begun_is_not_overdue_however_long_it_streams():
    async with hanging() as stage:
        _, task = await stage.begun("streams/forever")
        stage.advance(60)
        stage.requests.sweep()
        attributes = {"webhook.provider": "twilio", "http.route": "/webhook/streams/forever"}
        found = tuple(sorted(attributes.items()))
        ages = {name: stage.gauge(name)[found] for name in stage.requests.gauges[2:4]}
        overdue = set(stage.gauge("webhook.active_requests.overdue").values())
        pending = [span for span in stage.bench.spans if span.name == "lapbell.pending"]
        stage.go_on.set()
        await task
    assert ages == {"webhook.active_request.oldest.age": 60.0, "webhook.unanswered_request.oldest.age": 0.0}
    assert overdue == {0.0}
    assert pending == []


async def test_the_open_spans_of_an_overdue_webhook_are_shown_while_it_runs_and_again_at_twice_the_age():
    async with hanging() as stage:
        _, task = await stage.begun()
        for seconds in (2.1, 1.0, 1.2, 4.3):
            stage.advance(seconds)
            stage.requests.sweep()
        shown = [span for span in stage.bench.spans if span.name == "lapbell.pending"]
        stage.go_on.set()
        await task
    (server,) = [span for span in stage.bench.spans if span.name == "POST /webhook/{name}"]
    facts = [
        {
            **(span.attributes or {}),
            "parent": span.parent and span.parent.span_id,
            "trace": span.context.trace_id,
            "length": (span.end_time or 0) - (span.start_time or 0),
            "open": [event.name for event in span.events],
        }
        for span in shown
    ]
    for fact in facts:
        fact["lapbell.pending.age"] = round(fact["lapbell.pending.age"], 3)
    assert facts == [
        {
            **ROUTE,
            "webhook.phase.name": "cache_lookup",
            "lapbell.pending.age": age,
            "lapbell.pending.span_id": f"{server.context.span_id:016x}",
            "parent": server.context.span_id,
            "trace": server.context.trace_id,
            "length": 0,
            "open": ["fastapi.endpoint", "webhook.cache_lookup"],
        }
        for age in (2.1, 4.3, 8.6)
    ]


@pytest.mark.parametrize("kind", ["native", "own"])
async def test_a_webhook_whose_client_went_away_is_abandoned_at_once_and_measured_once(kind):
    async with hanging(kind) as stage:
        exchange, task = await stage.begun("broken")
        stage.advance(15)
        exchange.go_away()
        await stage.watch_clients()
        at_once = [(each.outcome, round(each.duration_s, 3), each.status_code) for each in stage.bench.seen.webhooks]
        asked = len(stage.bench.requested_exports)
        stage.advance(30)
        stage.go_on.set()
        with pytest.raises(RuntimeError):
            await task
        (point,) = stage.bench.points("webhook.request.duration")
        slo = stage.slo()
    (server,) = [span for span in stage.bench.spans if span.name == "POST /webhook/{name}"]
    assert at_once == [("abandoned", 15.0, None)]
    assert asked >= 1
    assert point.count == 1
    assert dict(point.attributes) == ROUTE | {"webhook.outcome": "abandoned"}
    assert slo == {("0.5", "missed"): 1, ("2", "missed"): 1, ("15", "missed"): 1}
    assert (server.attributes or {})["webhook.outcome"] == "abandoned"


async def test_a_client_that_goes_away_after_the_answer_has_abandoned_nothing():
    async with hanging() as stage:
        exchange, task = await stage.begun()
        stage.advance(1)
        await stage.watch_clients()
        stage.go_on.set()
        await task
        exchange.go_away()
        await stage.watch_clients()
        (seen,) = stage.bench.seen.webhooks
    assert seen.outcome == "accepted"


async def test_of_many_webhooks_that_hang_twenty_are_shown_at_a_time():
    async with hanging() as stage:
        tasks = [(await stage.begun())[1] for _ in range(30)]
        shown = []
        for _ in range(3):
            stage.advance(2.1)
            stage.requests.sweep()
            shown.append(sum(span.name == "lapbell.pending" for span in stage.bench.spans))
        stage.go_on.set()
        await asyncio.gather(*tasks)
    # The first twenty at once, the others at the next look; at three times 2.1 s the first have become twice as old.
    assert shown == [20, 30, 50]


async def test_clients_are_watched_from_a_tenth_of_a_second_on():
    with workbench() as bench:
        requests, watched = bench.processor.requests, list[float]()
        now_ns = time.time_ns()
        requests.unix_ns = lambda: now_ns
        requests.begin(None, "POST", str, lambda: watched.append(now_ns), None)
        for milliseconds in (50, 49, 2):
            now_ns += milliseconds * 1_000_000
            requests.watch_clients()
    assert watched == [now_ns]


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
        async def send(self, message: dict[str, Any]) -> None:
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


async def test_a_request_that_the_server_cancels_is_abandoned():
    async with hanging() as stage:
        _, task = await stage.begun()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        (seen,) = stage.bench.seen.webhooks
    assert seen.outcome == "abandoned"
    assert task.cancelled() is True


async def test_waiting_for_the_client_takes_no_part_of_the_body_from_the_app():
    parts: list[dict[str, object]] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
    ]
    bodies, entered, go_on = [], asyncio.Event(), asyncio.Event()

    async def read(request):
        entered.set()
        await go_on.wait()
        bodies.append(await request.body())
        return PlainTextResponse("")

    with workbench() as bench:
        app = Starlette(routes=[Route("/webhook/{name}", read, methods=["POST"])])
        stage = Hanging(bench, app)
        exchange = Exchange(app)
        exchange._body = parts[::-1]
        task = exchange.begin()
        await entered.wait()
        stage.now_ns = next(iter(stage.requests._active.values())).started_ns + 1_000_000_000
        for _ in range(3):
            await stage.watch_clients()
        left = len(exchange._body)
        go_on.set()
        await task
    assert bodies == [b"ab"]
    assert left == 1


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
