"""`GET /api/performance/task-queue`: last readings with their age, null with a reason where nothing was measured."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from evaluator_kit import evaluator, get
from lapbell import semconv
from lapbell_evaluator.model import SystemClock
from otlp_kit.metrics import Attributes, distribution, gauge, histogram, metrics_export, number, resource

TASKS: Attributes = {semconv.MESSAGING_SYSTEM: "redis", semconv.MESSAGING_DESTINATION_NAME: "tasks"}


@dataclass(frozen=True)
class Fed:
    """An evaluator that is told of queues."""

    client: httpx.AsyncClient
    otlp: str
    now: float

    async def push(self, *metrics: Metric, process: str = "1") -> None:
        """What one process of the service exports."""
        export = metrics_export(*metrics, of=resource(service_name="bot", **{"service_instance.id": process}))
        sent = await self.client.post(
            f"http://{self.otlp}/v1/metrics",
            content=export.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
        assert sent.status_code == 200

    async def summary(self) -> dict[str, Any]:
        return await get(self.client, "/api/performance/task-queue")

    def messages(self, seconds_ago: float, state: str = "ready", **by_priority: int) -> Metric:
        points = [
            number(
                count,
                self.now - seconds_ago,
                **TASKS,
                **Attributes(
                    {semconv.MESSAGING_QUEUE_MESSAGE_STATE: state, semconv.MESSAGING_QUEUE_PRIORITY: priority}
                ),
            )
            for priority, count in by_priority.items()
        ]
        return gauge(semconv.MESSAGING_QUEUE_MESSAGES, points, "{message}")

    def workers(self, seconds_ago: float, **by_state: int) -> Metric:
        points = [
            number(count, self.now - seconds_ago, **TASKS, **Attributes({semconv.MESSAGING_WORKER_STATE: state}))
            for state, count in by_state.items()
        ]
        return gauge(semconv.MESSAGING_WORKER_COUNT, points, "{worker}")

    def limit(self, messages: int) -> Metric:
        return gauge(semconv.MESSAGING_QUEUE_LIMIT, [number(messages, self.now, **TASKS)], "{message}")


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Fed]:
    async with evaluator(tmp_path) as (client, addresses):
        yield Fed(client, addresses.otlp_http, SystemClock().now())


def rounded(answer: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Some values of an answer; ages of the test's own slowness, within half a minute, are rounded away."""
    return {
        key: 30 * int(value // 30) if key.endswith("_age") and value is not None else value
        for key, value in answer.items()
        if key in keys
    }


async def test_depth_and_workers_are_the_last_reading_with_its_age(fed):
    await fed.push(fed.messages(210, high=90, low=5), fed.workers(210, busy=1, idle=1), fed.limit(100))
    summary = await fed.summary()
    (queue,) = summary["queues"]
    sums = rounded(summary, "current_depth", "depth_age", "backpressure_detected", "current_worker_utilization")
    assert sums == {
        "current_depth": 95.0,
        "depth_age": 210,
        "backpressure_detected": None,
        "current_worker_utilization": None,
    }
    assert rounded(queue, "depth_by_priority", "workers", "workers_age", "backpressure_reasons") == {
        "depth_by_priority": {"high": 90.0, "low": 5.0},
        "workers": {"busy": 1.0, "idle": 1.0},
        "workers_age": 210,
        "backpressure_reasons": [],
    }
    assert {name: why.split(" last ")[0] for name, why in summary["not_measured"].items() if " last " in why} == {
        "current_worker_utilization": "tasks: its workers were",
        "backpressure_detected": "tasks: its depth was",
    }


async def test_the_newest_reading_counts_whoever_took_it(fed):
    await fed.push(fed.messages(45, high=100, low=1), process="held the lease before")
    await fed.push(fed.messages(0, high=3, low=0), process="holds the lease")
    summary = await fed.summary()
    assert rounded(summary, "current_depth", "depth_age") == {"current_depth": 3.0, "depth_age": 0}


async def test_workers_are_those_of_the_processes_that_still_report(fed):
    await fed.push(fed.workers(130, busy=5, idle=0), process="ended long ago")
    await fed.push(fed.workers(20, busy=1, idle=2), process="a")
    await fed.push(fed.workers(0, busy=2, idle=0), process="b")
    (queue,) = (await fed.summary())["queues"]
    assert rounded(queue, "workers", "workers_age", "worker_utilization") == {
        "workers": {"busy": 3.0, "idle": 2.0},
        "workers_age": 0,
        "worker_utilization": pytest.approx(60.0),
    }


async def test_a_queue_whose_depth_nobody_read_is_not_empty(fed):
    await fed.push(fed.limit(100))
    summary = await fed.summary()
    (queue,) = summary["queues"]
    unknown = {
        "depth",
        "workers",
        "worker_utilization",
        "processed_tasks",
        "average_processing_time",
        "oldest_task_age",
        "backpressure_detected",
    }
    assert set(queue["not_measured"]) == unknown
    assert {key: queue[key] for key in unknown - {"workers"}} == dict.fromkeys(unknown - {"workers"})
    assert {key: summary[key] for key in ("current_depth", "backpressure_detected", "processed_tasks")} == {
        "current_depth": None,
        "backpressure_detected": None,
        "processed_tasks": None,
    }
    assert summary["not_measured"]["current_depth"].startswith("tasks: no process has read its depth within 15m")


async def test_without_a_queue_nothing_is_known(fed):
    summary = await fed.summary()
    assert rounded(summary, "current_depth", "backpressure_detected", "processed_tasks", "queues") == {
        "current_depth": None,
        "backpressure_detected": None,
        "processed_tasks": None,
        "queues": [],
    }
    assert set(summary["not_measured"].values()) == {"no queue was reported within 15m"}


async def test_failures_are_told_by_the_type_of_the_error_and_dead_letters_by_state(fed):
    began = fed.now - 100
    durations = [
        distribution([8, 0], fed.now, bounds=(1.0,), sum_=4.0, start=began, **TASKS),
        distribution(
            [2, 0],
            fed.now,
            bounds=(1.0,),
            sum_=1.0,
            start=began,
            **TASKS,
            **Attributes({semconv.ERROR_TYPE: "ValueError"}),
        ),
    ]
    await fed.push(
        histogram(semconv.MESSAGING_PROCESS_DURATION, durations),
        fed.messages(0, high=4),
        fed.messages(0, state="dead", any=7),
        gauge(
            semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE,
            [number(12.5, fed.now, **TASKS, **Attributes({semconv.MESSAGING_QUEUE_PRIORITY: "high"}))],
            "s",
        ),
        gauge(semconv.MESSAGING_PROCESS_OLDEST_AGE, [number(3.0, fed.now, **TASKS)], "s"),
    )
    (queue,) = (await fed.summary())["queues"]
    keys = ("processed_tasks", "failed_tasks", "failures_by_error_type", "messages_by_state", "oldest_message_age")
    assert {key: queue[key] for key in (*keys, "oldest_task_age", "average_processing_time")} == {
        "processed_tasks": 10,
        "failed_tasks": 2,
        "failures_by_error_type": {"ValueError": 2},
        "messages_by_state": {"ready": 4.0, "dead": 7.0},
        "oldest_message_age": {"high": 12.5},
        "oldest_task_age": 3.0,
        "average_processing_time": pytest.approx(0.5),
    }
