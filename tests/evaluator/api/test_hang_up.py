"""Queries whose client has gone are cancelled, and more than can wait are told to come again."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from evaluator_kit import evaluator
from lapbell_evaluator.api import Access, Services, rest_app
from lapbell_evaluator.api.hang_up import EndsWithItsClient
from lapbell_evaluator.api.services import Targets
from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.model import SystemClock, Tokens
from lapbell_evaluator.promql import Engine, TurnLimits
from lapbell_evaluator.series import SeriesStore

ENDLESS = {"query": "quantile_over_time(0.5, vector(1)[11d:1s])", "start": "0", "end": "10999", "step": "1"}


async def test_queries_whose_clients_hung_up_hold_nobody_up(tmp_path):
    """Were they not cancelled, they would take ten seconds each, and the last one would wait for longer than it may."""
    async with evaluator(tmp_path) as (client, _):
        abandoned = [asyncio.create_task(client.get("/api/v1/query_range", params=ENDLESS)) for _ in range(6)]
        for _ in range(3):  # whose answers come behind the queries' beginnings
            assert (await client.get("/-/healthy")).status_code == 200
        for task in abandoned:
            task.cancel()
        await asyncio.wait(abandoned)
        answer = await client.get("/api/v1/query", params={"query": "vector(1)"})
    assert answer.json()["data"]["result"][0]["value"][1] == "1"


@pytest.mark.parametrize(
    ("method", "path", "is_cancelled"),
    [
        ("GET", "/api/v1/query", True),
        ("HEAD", "/api/v2/alerts", True),
        ("POST", "/api/v1/query_range", True),
        ("POST", "/api/v2/silences", False),
        ("DELETE", "/api/v2/silence/x", False),
    ],
)
async def test_what_only_reads_ends_with_its_client_and_what_writes_goes_on(method, path, is_cancelled):
    ended: dict[str, bool] = {}
    is_under_way, may_end = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        is_under_way.set()
        try:
            await may_end.wait()
        finally:
            ended["cancelled"] = not may_end.is_set()

    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await is_under_way.wait()
        asyncio.get_running_loop().call_later(0.01, may_end.set)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    if not is_cancelled:
        asyncio.get_running_loop().call_later(0.01, may_end.set)
    await EndsWithItsClient(app)({"type": "http", "method": method, "path": path}, receive, send)
    assert ended == {"cancelled": is_cancelled}


async def test_a_query_beyond_the_queue_is_answered_503_with_retry_after():
    engine = Engine(SeriesStore(), turns=TurnLimits(waiting_of_one=0))
    nothing: Any = None
    services = Services(
        version="0",
        started_at=0.0,
        access=Access(Tokens(()), allow_loopback=True),
        clock=SystemClock(),
        querier=engine,
        answers=nothing,
        alerts=nothing,
        dead_letters=nothing,
        links=nothing,
        traces=RecentTraces(),
        trace_library=nothing,
        exemplars=nothing,
        metadata=nothing,
        readiness=nothing,
        readings=nothing,
        reload=nothing,
        targets=lambda: Targets(0.5, 2.0),
        trace_url=None,
    )
    transport = httpx.ASGITransport(rest_app(services, nothing), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
        answer = await client.get("/api/v1/query", params={"query": "vector(1)"})
        summary = await client.get("/api/performance/webhook-timing")
    engine.close()
    told = {"query": answer, "summary": summary}
    assert {name: (one.status_code, one.headers.get("retry-after")) for name, one in told.items()} == {
        "query": (503, "1"),
        "summary": (503, "1"),
    }
