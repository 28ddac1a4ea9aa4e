"""A whole evaluator in this process, fed over OTLP/HTTP."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
from blockbuster import blockbuster_ctx
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from lapbell import semconv
from lapbell_evaluator.app import Running, running
from lapbell_evaluator.config import Settings
from lapbell_evaluator.model import SystemClock
from otlp_kit.metrics import Attributes, distribution, gauge, histogram, metrics_export, number, resource, total

ROUTE = "/webhook/whatsapp"
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
PHASES = {"signature_validation": 150.0, "cache_lookup": 30.0, "other": 20.0}
STARTED_BEFORE_S = 100.0
_STARTING = ("lapbell_evaluator/app.py", {"running"})


@asynccontextmanager
async def evaluator(folder: Path, **sections: object) -> AsyncIterator[tuple[httpx.AsyncClient, Running]]:
    listen = {"rest": "127.0.0.1:0", "otlp_grpc": "127.0.0.1:0", "otlp_http": "127.0.0.1:0"}
    judged = {"outliers_by_chance": 0.0}  # for 15 errors among 200 webhooks are within chance otherwise
    settings = Settings.model_validate({"listen": listen, "data_dir": folder, "thresholds": judged, **sections})
    async with (
        running(settings) as addresses,
        httpx.AsyncClient(base_url=f"http://{addresses.rest}", timeout=60.0, trust_env=False) as client,
    ):
        with _the_loop_never_waits():
            yield client, addresses


@contextmanager
def _the_loop_never_waits() -> Iterator[None]:
    """An evaluator that is up and would block the event loop, by a file, a socket, a lock or SQLite, raises instead."""
    with blockbuster_ctx("lapbell_evaluator") as watch:
        for function in watch.functions.values():
            function.can_block_functions.append(_STARTING)
        yield


async def feed(client: httpx.AsyncClient, addresses: Running) -> None:
    """A minute of webhooks, Redis commands and queue depths of the service `bot`."""
    now = SystemClock().now()
    export = metrics_export(*webhooks(now), *redis(now), *queue(now), of=resource(service_name="bot"))
    answer = await client.post(
        f"http://{addresses.otlp_http}/v1/metrics",
        content=export.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
    )
    assert answer.status_code == 200


def webhooks(now: float) -> list[Metric]:
    """200 webhooks in 200 s of work: 185 within 0.5 s, 15 between 2 and 5 s, which were errors."""
    began = now - STARTED_BEFORE_S
    route: Attributes = {semconv.HTTP_ROUTE: ROUTE, semconv.WEBHOOK_PROVIDER: "twilio"}
    good: Attributes = {**route, semconv.WEBHOOK_OUTCOME: semconv.OUTCOME_ACCEPTED}
    bad: Attributes = {**route, semconv.WEBHOOK_OUTCOME: semconv.OUTCOME_ERROR}
    spans = [
        distribution([0, 100, 85, 0, 0, 0, 0], now, bounds=BOUNDS, sum_=155.0, start=began, **good),
        distribution([0, 0, 0, 0, 0, 15, 0], now, bounds=BOUNDS, sum_=45.0, start=began, **bad),
    ]
    parts = [
        distribution(
            [200, 0, 0, 0, 0, 0, 0],
            now,
            bounds=BOUNDS,
            sum_=seconds,
            start=began,
            **Attributes({semconv.HTTP_ROUTE: ROUTE, semconv.WEBHOOK_PHASE_NAME: phase}),
        )
        for phase, seconds in PHASES.items()
    ]
    slo = [
        number(
            count,
            now,
            start=began,
            **Attributes({semconv.WEBHOOK_SLO_THRESHOLD: threshold, semconv.WEBHOOK_SLO_RESULT: result}),
        )
        for threshold, result, count in (
            ("0.5", "met", 185),
            ("0.5", "missed", 15),
            ("2", "met", 185),
            ("2", "missed", 15),
        )
    ]
    return [
        histogram(semconv.WEBHOOK_REQUEST_DURATION, spans),
        histogram(semconv.WEBHOOK_PHASE_SELF_DURATION, parts),
        histogram(semconv.WEBHOOK_PHASE_DURATION, parts),
        total(semconv.WEBHOOK_SLO_REQUESTS, slo, "{request}"),
    ]


def redis(now: float) -> list[Metric]:
    began = now - STARTED_BEFORE_S
    get: Attributes = {semconv.DB_SYSTEM_NAME: "redis", semconv.DB_OPERATION_NAME: "GET"}
    failed: Attributes = {**get, semconv.ERROR_TYPE: "TimeoutError"}
    return [
        histogram(
            semconv.DB_CLIENT_OPERATION_DURATION,
            [
                distribution([95, 0], now, bounds=(0.1,), sum_=0.95, start=began, **get),
                distribution([0, 5], now, bounds=(0.1,), sum_=1.05, start=began, **failed),
            ],
        )
    ]


def queue(now: float) -> list[Metric]:
    named: Attributes = {semconv.MESSAGING_SYSTEM: "redis", semconv.MESSAGING_DESTINATION_NAME: "tasks"}
    ready = [
        number(
            count,
            now,
            **named,
            **Attributes({semconv.MESSAGING_QUEUE_PRIORITY: priority, semconv.MESSAGING_QUEUE_MESSAGE_STATE: "ready"}),
        )
        for priority, count in (("high", 50), ("normal", 40))
    ]
    workers = [
        number(count, now, **named, **Attributes({semconv.MESSAGING_WORKER_STATE: state}))
        for state, count in (("busy", 3), ("idle", 1))
    ]
    return [
        gauge(semconv.MESSAGING_QUEUE_MESSAGES, ready, "{message}"),
        gauge(semconv.MESSAGING_QUEUE_LIMIT, [number(100, now, **named)], "{message}"),
        gauge(semconv.MESSAGING_WORKER_COUNT, workers, "{worker}"),
    ]


async def get(client: httpx.AsyncClient, path: str, **params: str) -> dict[str, Any]:
    answer = await client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def firing(client: httpx.AsyncClient, name: str) -> str:
    """The key of an alert, once it fires."""
    while True:
        found = await get(client, "/api/performance/alerts")
        for alert in found["alerts"]:
            if alert["alertname"] == name and alert["state"] == "firing":
                return str(alert["alert_key"])
