"""What real processes send, through a real evaluator, is blamed on what really went wrong."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from evaluator_kit import evaluator
from lapkit import app_server, python
from peers import free_port

Alerts = Callable[[], Awaitable[dict[str, Any]]]

WITHIN_S = 60.0
REDIS_REFUSED = """
import lapbell, redis
from fastapi import FastAPI
from starlette.testclient import TestClient

app = FastAPI()
handle = lapbell.setup(app, provider="stripe", redis=True)
cache = redis.Redis(port={port}, socket_connect_timeout=1, retry=None)

@app.post("/w")
def hook() -> dict[str, str]:
    with lapbell.phase("cache_lookup"):
        cache.get("customer:42:secret")
    return {{}}

client = TestClient(app, raise_server_exceptions=False)
assert [client.post("/w").status_code for _ in range(30)] == [500] * 30
handle.shutdown()
"""
BATCH_JOB = """
import lapbell, time

handle = lapbell.setup(provider="none")
lapbell.circuit("catalogue cache", "closed", system="redis")
lapbell.circuit("billing", "closed")
handle.flush()
time.sleep(1.5)
lapbell.circuit("catalogue cache", "open", system="redis")
lapbell.circuit("billing", "open")
time.sleep({lasts_s})
"""


@pytest.fixture
async def process(tmp_path):
    """A real evaluator, and a script of a process of its own that sends to it."""
    settings = {"rules": {"interval": 1.0}, "alerting": {"reopen_within": 1.0}}
    async with evaluator(tmp_path, **settings) as (client, addresses):
        app = tmp_path / "app.py"

        async def run(script: str) -> str:
            app.write_text(script, encoding="utf-8")
            return await asyncio.to_thread(
                python,
                f"import runpy; runpy.run_path({str(app)!r}, run_name='__main__')",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{addresses.otlp_http}",
                OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
                OTEL_SERVICE_NAME="shop",
            )

        async def alerts() -> dict[str, Any]:
            answer = await client.get("/api/performance/alerts")
            body: dict[str, Any] = answer.json()
            return body

        yield run, alerts


async def until(ask: Callable[[], Awaitable[dict[str, Any]]], holds: Callable[[dict[str, Any]], object]) -> Any:
    """What `holds` answers of what is asked, as soon as it is true."""
    loop = asyncio.get_running_loop()
    end = loop.time() + WITHIN_S
    while not (answer := holds(seen := await ask())):
        assert loop.time() < end, seen
        await asyncio.sleep(0.1)
    return answer


async def test_redis_refused_in_the_cache_lookup_is_what_failing_webhooks_are_blamed_on(process, tmp_path):
    run, alerts = process
    port = free_port()
    await run(REDIS_REFUSED.format(port=port))

    def blamed(seen):
        found = [alert for alert in seen["alerts"] if alert["alertname"] == "WebhookErrorRate" and alert["evidence"]]
        is_whole = found and found[0]["evidence"]["errors"]["looked_at"] == 30 and found[0]["counts"]["total"] == 30
        return is_whole and found[0]

    alert = await until(alerts, blamed)
    (cause,) = alert["evidence"]["errors"]["causes"]
    assert cause | {"trace_id": None} == {
        "share": 1.0,
        "count": 30,
        "error_type": "redis.exceptions.ConnectionError",
        "reason": "connection refused",
        "span": "GET",
        "phase": "cache_lookup",
        "status_code": 500,
        "provider": "stripe",
        "message": "connection refused",
        "line": f"hook ({tmp_path / 'app.py'}:13)",
        "system": "redis",
        "server": f"localhost:{port}",
        "trace_id": None,
    }
    assert alert["cause"] == (
        "connection refused (redis.exceptions.ConnectionError) in cache_lookup, 100% of the failures"
    )
    assert alert["phase_to_blame"] == "cache_lookup"
    assert {"counts": alert["counts"], "peak": alert["peak"]} == {"counts": {"bad": 30.0, "total": 30.0}, "peak": 100.0}
    assert "secret" not in str(alert)


async def test_a_batch_job_that_ends_with_its_breakers_open_leaves_no_alert_that_fires(process):
    run, alerts = process
    job = asyncio.create_task(run(BATCH_JOB.format(lasts_s=6)))

    def fired(seen):
        return [
            alert
            for alert in seen["alerts"]
            if alert["state"] == "firing" and "circuit_breaker_name" in alert["labels"]
        ]

    def names(seen):
        open_now = {(alert["alertname"], alert["labels"]["circuit_breaker_name"]) for alert in fired(seen)}
        return len(open_now) == 2 and open_now

    open_now = await until(alerts, names)
    await job
    await until(alerts, lambda seen: not fired(seen))
    over = await until(alerts, lambda seen: [each["reason"] for each in seen["recently_resolved"]])
    assert open_now == {("RedisCircuitOpen", "catalogue cache"), ("CircuitOpen", "billing")}
    assert set(over) == {"recovered"}


@asynccontextmanager
async def troubled(folder: Path, *server: str) -> AsyncIterator[tuple[Alerts, Callable[..., asyncio.Task[None]]]]:
    """A real evaluator, and the app with every trouble behind a real server; what fires, and a way to ask the app."""
    async with (
        evaluator(folder, rules={"interval": 1.0}) as (client, addresses),
        httpx.AsyncClient(trust_env=False, timeout=60) as sender,
    ):
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{addresses.otlp_http}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_SERVICE_NAME": "shop",
        }
        argv = ["uvicorn", "--port", "{port}", "--log-level", "warning", *server, "lapkit.troubled_app:app"]
        with app_server(argv, env) as app:

            async def ask(path: str, patience_s: float) -> None:
                with contextlib.suppress(httpx.HTTPError):
                    await sender.post(f"{app.url}/webhook/{path}", timeout=patience_s)

            async def alerts() -> dict[str, Any]:
                body: dict[str, Any] = (await client.get("/api/performance/alerts")).json()
                return body

            def post(path: str, patience_s: float = 60.0) -> asyncio.Task[None]:
                return asyncio.create_task(ask(path, patience_s))

            yield alerts, post


def firing(name: str, known: Callable[[dict[str, Any]], object] = bool) -> Callable[[dict[str, Any]], Any]:
    """The alert of a name that fires, as soon as its evidence holds what `known` looks for."""

    def found(seen: dict[str, Any]) -> Any:
        named = [alert for alert in seen["alerts"] if alert["alertname"] == name and alert["state"] == "firing"]
        return named and named[0]["evidence"] and known(named[0]["evidence"]) and named[0]

    return found


@pytest.mark.slow
async def test_what_is_stuck_in_four_workers_shows_phase_and_trace_of_the_oldest_while_it_runs(tmp_path):
    async with troubled(tmp_path, "--workers", "4") as (alerts, post):
        requests = [post("hangs?seconds=20") for _ in range(8)]
        stuck = await until(alerts, firing("WebhookStuck", lambda evidence: evidence["in_flight"]["oldest"]))
        is_running = not any(request.done() for request in requests)
    oldest = stuck["evidence"]["in_flight"]["oldest"][0]
    assert {
        "is_running": is_running,
        "phase": stuck["phase_to_blame"],
        "where": (oldest["route"], oldest["provider"], oldest["phase"]),
        "innermost": oldest["spans"][-1]["name"],
        "first_trace": stuck["trace_ids"][0],
    } == {
        "is_running": True,
        "phase": "cache_lookup",
        "where": ("/webhook/hangs", "twilio", "cache_lookup"),
        "innermost": "webhook.cache_lookup",
        "first_trace": oldest["trace_id"],
    }


@pytest.mark.slow
async def test_webhooks_whose_clients_went_away_are_blamed_on_the_phase_that_kept_them_waiting(tmp_path):
    async with troubled(tmp_path) as (alerts, post):
        requests = [post("hangs?seconds=6", patience_s=1.5) for _ in range(20)]
        failing = await until(alerts, firing("WebhookErrorRate", lambda evidence: evidence["errors"]["looked_at"]))
        await asyncio.gather(*requests)
    (cause,) = failing["evidence"]["errors"]["causes"]
    assert cause["error_type"] == "abandoned"
    assert cause["phase"] == "cache_lookup"
    assert cause["provider"] == "twilio"
    assert failing["phase_to_blame"] == "cache_lookup"


@pytest.mark.slow
async def test_a_blocked_loop_is_told_with_the_line_that_blocks_it(tmp_path):
    async with troubled(tmp_path) as (alerts, post):
        requests = [post("blocks?seconds=0.6") for _ in range(3)]
        blocked = await until(alerts, firing("EventLoopBlocked", lambda evidence: evidence["event_loop"]["lines"]))
        await asyncio.gather(*requests)
    line = blocked["evidence"]["event_loop"]["lines"][0]
    assert line["function"] == "report"
    assert line["file"] == "lapkit/troubled_app.py"
    assert blocked["cause"].startswith("the event loop is blocked by report (lapkit/troubled_app.py:")
