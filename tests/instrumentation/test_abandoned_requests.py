"""Webhooks whose client went away first."""

import asyncio
import contextlib
import time

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from lapkit import workbench
from lapkit.hanging import ROUTE, Exchange, Hanging, hanging


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
        exchange.body = parts[::-1]
        task = exchange.begin()
        await entered.wait()
        stage.now_ns = next(iter(stage.requests._active.values())).started_ns + 1_000_000_000
        for _ in range(3):
            await stage.watch_clients()
        left = len(exchange.body)
        go_on.set()
        await task
    assert bodies == [b"ab"]
    assert left == 1
