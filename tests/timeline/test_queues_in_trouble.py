"""Queues in trouble: lapbell's own queue on a real Redis, through the shipped rules."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis
from opentelemetry.sdk.metrics.export import HistogramDataPoint
from opentelemetry.util.types import Attributes

from alertlife.timeline import Timeline, timeline
from lapbell import seam
from lapbell.gauges import Source
from lapbell.instruments import DEFINITIONS
from lapbell.ledger import Ledger
from lapbell.queues import Poller, RedisLists
from lapbell.seam import Seam
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules import shipped
from lapkit import workbench
from peers import Redis, redis_server

RULES = shipped(Thresholds())
STEP_S = 5
TIMEOUT_S = 90.0
LISTS = {"high": "q:high", "normal": "q:normal"}


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with redis_server() as standing:
        yield standing


@dataclass
class Place:
    """A queue on a real Redis at a hand-moved time, and what its processes export to one evaluator."""

    client: redis.Redis
    url: str
    line: Timeline
    ledger: Ledger
    at: float = 0.0
    processes: dict[str, list[Source]] = field(default_factory=dict)
    pollers: list[Poller] = field(default_factory=list)
    totals: set[str] = field(default_factory=set)

    def queue(self) -> RedisLists:
        """The queue as one more process knows it."""
        return RedisLists(
            LISTS,
            1_000,
            timeout_s=TIMEOUT_S,
            dead="q:dead",
            url=self.url,
            clock=lambda: self.at,
            wall_clock=lambda: self.at,
        )

    def watched_by(self, process: str) -> RedisLists:
        """The queue in a process that asks Redis how deep it is."""
        queue = self.queue()
        poller = Poller(queue, lambda: None, clock=lambda: self.at)
        self.pollers.append(poller)
        self.processes[process] = [queue, poller]
        return queue

    async def step(self) -> None:
        """Five seconds later: ask, export, evaluate."""
        self.at += STEP_S
        for poller in self.pollers:
            poller.poll()
        for process, sources in self.processes.items():
            for source in sources:
                self._export(process, source)
        self._export_histograms()
        await self.line.at(self.at)

    def _export(self, process: str, source: Source) -> None:
        for gauge in source.gauges:
            for seen in source.observe(gauge):
                self._push(self.at, _name(gauge), seen.value, process, seen.attributes)

    def _export_histograms(self) -> None:
        for histogram in self.ledger.collect():
            for point in histogram.data.data_points:
                assert isinstance(point, HistogramDataPoint)
                for suffix, value in (("count", point.count), ("sum", point.sum)):
                    self._push_total(f"{_name(histogram.name)}_{suffix}", value, point.attributes)

    def _push_total(self, name: str, value: float, attributes: Attributes) -> None:
        """The receiver makes a sample of 0 of the time since which a new total counts."""
        key = f"{name} {sorted((attributes or {}).items())}"
        if key not in self.totals:
            self.totals.add(key)
            self._push(self.at - STEP_S + 1, name, 0, "worker", attributes)
        self._push(self.at, name, value, "worker", attributes)

    def _push(self, at: float, name: str, value: float, process: str, attributes: Attributes) -> None:
        named = {label(key): str(text) for key, text in (attributes or {}).items()}
        self.line.push(at, name, value, arrives=None, job="bot", instance=process, **named)

    def stalled(self) -> list[tuple[str, float]]:
        """What happened to the alert, and its value."""
        return [
            (str(transition.state), transition.incident.value or 0.0)
            for transition in self.line.told
            if transition.is_news and dict(transition.incident.labels)["alertname"] == "TaskQueueStalled"
        ]

    def description(self, name: str) -> str:
        """What the only news of an alert says."""
        incidents = [transition.incident for transition in self.line.told if transition.is_news]
        (incident,) = [incident for incident in incidents if dict(incident.labels)["alertname"] == name]
        return dict(incident.annotations)["description"]

    def fired(self) -> dict[str, tuple[float, str]]:
        """When each alert fired first, and how severe it was then."""
        fired: dict[str, tuple[float, str]] = {}
        for transition in self.line.told:
            if transition.is_news and str(transition.state) == "firing":
                incident = transition.incident
                fired.setdefault(dict(incident.labels)["alertname"], (transition.at, incident.severity))
        return fired


def _name(name: str) -> str:
    return metric(name, SECONDS) if DEFINITIONS[name].unit == "s" else metric(name)


@pytest.fixture
async def place(server: Redis, tmp_path: Path):
    with workbench() as bench, redis.Redis(port=server.port) as client:
        client.flushall()
        ledger = Ledger(())
        seam.use(Seam(bench.tracer_provider.get_tracer("test"), ledger))
        async with timeline(tmp_path, RULES) as line:
            yield Place(client, server.url, line, ledger)


def put(place: Place, queue: RedisLists, messages: int) -> None:
    for number in range(messages):
        with queue.publish({"number": number}, "high") as message:
            place.client.lpush(queue.key("high"), json.dumps(message))


def take(place: Place, queue: RedisLists) -> None:
    """A worker takes the oldest message and is done with it at once."""
    popped = place.client.rpop(queue.key("high"))
    assert isinstance(popped, bytes)
    with queue.process(json.loads(popped)):
        pass


async def until_stalled(place: Place, limit_s: float) -> float:
    """Seconds until the alert fires."""
    began = place.at
    while not place.stalled() and place.at - began < limit_s:
        await place.step()
    return place.at - began


async def test_a_hundred_messages_that_no_worker_has_ever_been_there_for_are_a_stalled_queue(place):
    app = place.watched_by("app")
    for _ in range(6):
        await place.step()
    put(place, app, 100)

    took_s = await until_stalled(place, 120)

    assert place.stalled() == [("firing", 100.0)]
    assert 60 <= took_s <= 65


async def test_so_are_a_hundred_messages_of_another_library_which_carry_no_time(place):
    place.watched_by("app")
    await place.step()
    place.client.lpush(LISTS["normal"], *[f"message {number}" for number in range(100)])

    took_s = await until_stalled(place, 120)

    assert place.stalled() == [("firing", 100.0)]
    assert 60 <= took_s <= 65


async def test_messages_of_another_library_that_are_taken_are_quiet(place):
    place.watched_by("app")
    place.client.lpush(LISTS["normal"], *[f"message {number}" for number in range(100)])
    for _ in range(30):
        place.client.rpop(LISTS["normal"])
        await place.step()
    assert place.stalled() == []


async def test_messages_that_wait_since_the_worker_was_killed_are_a_stalled_queue(place):
    app, worker = place.watched_by("app"), place.queue()
    place.processes["worker"] = [worker]
    with worker.work(2):
        for _ in range(12):
            put(place, app, 1)
            take(place, worker)
            await place.step()
        assert place.stalled() == []
        del place.processes["worker"]  # kill -9: no last export
        put(place, app, 100)
        took_s = await until_stalled(place, 180)

    assert place.stalled() == [("firing", 100.0)]
    assert took_s <= 65


async def test_workers_that_are_there_and_take_nothing_are_said_to_be_there(place):
    app, worker = place.watched_by("app"), place.queue()
    place.processes["worker"] = [worker]
    with worker.work(2):
        for _ in range(12):
            put(place, app, 1)
            take(place, worker)
            await place.step()
        put(place, app, 3)
        await until_stalled(place, 180)
    assert place.description("TaskQueueStalled") == (
        "3 tasks wait in q, and for a minute nothing was taken: no task began, though 2 of its workers are there."
    )


async def test_a_worker_that_comes_back_ends_it(place):
    app, worker = place.watched_by("app"), place.queue()
    put(place, app, 100)
    await until_stalled(place, 120)
    assert [state for state, _ in place.stalled()] == ["firing"]
    place.processes["worker"] = [worker]
    with worker.work():
        for _ in range(60):
            take(place, worker)
            await place.step()
    active = [view for view in await place.line.alert_service.incidents() if view.name == "TaskQueueStalled"]
    assert [str(view.incident.state) for view in active if str(view.incident.state) == "firing"] == []


async def test_a_deep_queue_that_is_worked_off_is_quiet(place):
    app, worker = place.watched_by("app"), place.queue()
    place.processes["worker"] = [worker]
    put(place, app, 100)
    with worker.work():
        for _ in range(36):
            take(place, worker)
            await place.step()
    assert place.stalled() == []


async def test_workers_scaled_to_zero_with_an_empty_queue_are_quiet(place):
    app, worker = place.watched_by("app"), place.queue()
    place.processes["worker"] = [worker]
    with worker.work():
        put(place, app, 1)
        take(place, worker)
        for _ in range(12):
            await place.step()
    for _ in range(24):
        await place.step()
    assert place.stalled() == []


async def test_a_task_past_its_timeout_is_stuck_and_one_within_it_is_not(place):
    place.watched_by("app")
    worker = place.queue()
    place.processes["worker"] = [worker]
    with worker.work(2), worker.process({}):
        for _ in range(17):
            await place.step()
        within = place.fired()
        for _ in range(3):
            await place.step()
    assert within == {}
    assert place.fired() == {"TaskStuck": (95.0, "critical")}


async def test_the_oldest_message_of_a_queue_that_is_worked_off_too_slowly_grows_too_old(place):
    app, worker = place.watched_by("app"), place.queue()
    place.processes["worker"] = [worker]
    put(place, app, 100)
    with worker.work():
        for _ in range(14):
            take(place, worker)
            await place.step()
    assert place.fired() == {"TaskQueueAge": (65.0, "warning")}


async def test_failing_tasks_and_dead_letters_are_one_alert(place):
    app, worker = place.watched_by("app"), place.queue()
    place.processes["worker"] = [worker]
    with worker.work():
        for _ in range(12):
            put(place, app, 2)
            take(place, worker)
            message = place.client.rpop("q:high")
            with contextlib.suppress(ValueError), worker.process(json.loads(message)):
                place.client.lpush("q:dead", message)
                raise ValueError
            await place.step()
    assert list(place.fired()) == ["TaskFailureRate"]
