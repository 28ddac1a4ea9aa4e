"""Four workers of uvicorn, queues in Redis, task workers, the Collector, the evaluator: which queues are stalled."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from journey import Evaluator, evaluator
from lapkit import app_server, module
from peers import Process, collector, redis_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LIMIT_S = 60.0
"""A queue is stalled once nothing was taken from it for so long."""
FOUND_WITHIN_S = 5.0
AFTERWARDS_S = 20.0
"""For so long the scene goes on once both alerts fire: neither may fire twice, nor any third begin."""
SERVER = ["uvicorn", "--port", "{port}", "--workers", "4", "--log-level", "warning", "lapkit.queue_app:app"]


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    url: str
    judge: Evaluator
    env: Mapping[str, str]

    def enqueue(self, queue: str, messages: int) -> None:
        """Send a webhook that becomes so many messages."""
        answer = httpx.post(f"{self.url}/webhook/{queue}", params={"messages": messages}, timeout=30, trust_env=False)
        answer.raise_for_status()

    @contextlib.contextmanager
    def worker(self, queue: str) -> Iterator[Process]:
        """A process that takes the messages of a queue, and that the evaluator knows of."""
        with module("lapkit.queue_worker", queue, **self.env, OTEL_SERVICE_NAME="shop-worker") as process:
            self.enqueue(queue, 3)
            self.judge.wait_until("task-queue", lambda summary: has_worked(summary, queue))
            yield process

    def stalled(self) -> dict[str, Mapping[str, Any]]:
        """The alerts of stalled queues, by queue."""
        alerts = self.judge.ask("alerts")["alerts"]
        return {
            alert["labels"]["messaging_destination_name"]: alert
            for alert in alerts
            if alert["alertname"] == "TaskQueueStalled"
        }


@dataclass(frozen=True, slots=True)
class Scene:
    """What was done to the queues, and what the evaluator made of it.

    Attributes:
        waiting_since: when the first message was queued that nobody takes, Unix seconds, by queue.
        alerts: as the REST API has them at the end, by queue.
        moves: every move of these alerts, the oldest first, by queue.
    """

    waiting_since: Mapping[str, float]
    alerts: Mapping[str, Mapping[str, Any]]
    moves: Mapping[str, list[str]]

    def found_after_s(self, queue: str) -> float:
        """Seconds from the first message that nobody takes to the alert, by the clocks of those who saw them."""
        fired_at: float = self.alerts[queue]["fired_at"]
        return fired_at - self.waiting_since[queue]


def has_worked(summary: Mapping[str, Any], queue: str) -> bool:
    """Whether the evaluator knows of a worker of the queue, and of its three tasks."""
    return any(
        reported["destination"] == queue and reported["processed_tasks"] == 3 and sum(reported["workers"].values())
        for reported in summary["queues"]
    )


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    with (
        redis_server() as redis,
        evaluator() as judge,
        collector({"LAPBELL_EVALUATOR": judge.otlp_http}) as way,
    ):
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": way.http, "REDIS_URL": redis.url}
        with app_server(SERVER, {**env, "OTEL_SERVICE_NAME": "shop"}) as app:
            yield Stage(app.url, judge, env)


@pytest.fixture(scope="module")
def scene(on: Stage) -> Scene:
    """The worker of `orders` is killed, that of `mails` ends well; nobody has ever worked for `reports`."""
    waiting_since: dict[str, float] = {}
    with on.worker("orders") as orders, on.worker("mails") as mails:
        orders.kill()
        mails.stop()
        for queue, messages in (("orders", 3), ("reports", 100)):
            waiting_since[queue] = time.time()
            on.enqueue(queue, messages)
        began, alerts = time.monotonic(), on.stalled()
        while len(alerts) < len(waiting_since) and time.monotonic() - began < 2 * LIMIT_S:
            on.enqueue("orders", 1)
            time.sleep(2)
            alerts = on.stalled()
        ends = time.monotonic() + AFTERWARDS_S
        while time.monotonic() < ends:
            on.enqueue("orders", 1)
            time.sleep(2)
    alerts = on.stalled()
    moves = {
        queue: [move["state"] for move in on.judge.ask(f"alerts/{alert['alert_key']}")["transitions"]]
        for queue, alert in alerts.items()
    }
    return Scene(waiting_since, alerts, moves)


def test_a_queue_whose_worker_was_killed_is_found_within_five_seconds_of_its_limit(scene):
    assert LIMIT_S - FOUND_WITHIN_S < scene.found_after_s("orders") < LIMIT_S + FOUND_WITHIN_S


def test_its_alert_names_the_queue_what_waits_there_and_that_the_workers_are_gone(scene):
    alert = scene.alerts["orders"]
    waiting = f"{alert['metric_value']:.0f}"
    assert {name: alert[name] for name in ("message", "description", "severity")} == {
        "message": f"Nothing is taken from orders: {waiting} tasks wait",
        "description": f"{waiting} tasks wait in orders, and for a minute nothing was taken: its workers are gone.",
        "severity": "critical",
    }
    assert alert["cause"].startswith("its workers are gone: ")


def test_a_hundred_messages_that_nobody_has_ever_worked_for_are_found_within_five_seconds_of_the_limit(scene):
    assert LIMIT_S - FOUND_WITHIN_S < scene.found_after_s("reports") < LIMIT_S + FOUND_WITHIN_S


def test_their_alert_says_that_no_worker_was_seen(scene):
    assert scene.alerts["reports"]["description"] == (
        "100 tasks wait in reports, and for a minute nothing was taken: no worker of it was seen within half an hour."
    )


def test_each_stalled_queue_fires_once_and_the_empty_one_without_workers_stays_quiet(scene):
    assert scene.moves == {"orders": ["firing"], "reports": ["firing"]}
