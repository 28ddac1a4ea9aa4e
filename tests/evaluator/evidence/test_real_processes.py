"""What real processes send, through a real evaluator, is blamed on what really went wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from evaluator_kit import evaluator
from lapkit import python
from peers import free_port

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
    async with evaluator(tmp_path, rules={"interval": 1.0}) as (client, addresses):

        async def run(script: str) -> str:
            return await asyncio.to_thread(
                python,
                script,
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


async def test_redis_refused_in_the_cache_lookup_is_what_failing_webhooks_are_blamed_on(process):
    run, alerts = process
    await run(REDIS_REFUSED.format(port=free_port()))

    def blamed(seen):
        found = [alert for alert in seen["alerts"] if alert["alertname"] == "WebhookErrorRate" and alert["evidence"]]
        return found and found[0]["evidence"]["errors"]["looked_at"] == 30 and found[0]

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
        "line": "hook (<string>:13)",
        "trace_id": None,
    }
    assert alert["cause"] == (
        "connection refused (redis.exceptions.ConnectionError) in cache_lookup, 100% of the failures"
    )
    assert alert["phase_to_blame"] == "cache_lookup"
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

    open_now = await until(alerts, lambda seen: [each["labels"]["circuit_breaker_name"] for each in fired(seen)])
    await job
    await until(alerts, lambda seen: not fired(seen))
    over = await until(alerts, lambda seen: [each["reason"] for each in seen["recently_resolved"]])
    assert "catalogue cache" in open_now
    assert set(over) == {"recovered"}
