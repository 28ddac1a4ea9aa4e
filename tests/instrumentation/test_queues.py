"""Queues in plain Redis lists: producers, workers, depth, and who asks for it."""

import contextlib
import contextvars
import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import redis
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

import lapbell
from lapbell.gauges import Gauges
from lapbell.queues import Poller, RedisLists
from lapkit import Workbench, workbench
from peers import Redis, free_port, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[Redis]:
    with redis_server() as standing:
        yield standing


@pytest.fixture
def bench() -> Iterator[Workbench]:
    with workbench() as standing:
        yield standing


@pytest.fixture
def client(server) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port) as standing:
        standing.flushall()
        yield standing


def lists(server: Redis, **more) -> RedisLists:
    return RedisLists({"high": "q:high", "low": "q:low"}, 3, timeout_s=30, url=server.url, dead="q:dead", **more)


def values(points) -> dict[tuple[str, ...], float]:
    hidden = {"messaging.system", "messaging.destination.name"}
    return {
        tuple(value for key, value in sorted(point.attributes.items()) if key not in hidden): point.value
        for point in points
    }


def test_a_message_carries_its_trace_to_the_worker(bench, server, client):
    queue = lists(server)
    with queue.publish({"body": "hello"}, "high") as message:
        client.lpush(queue.key("high"), json.dumps(message))
    received = json.loads(client.rpop("q:high"))
    with queue.process(received, "reply"):
        pass
    sent, processed = bench.span("send q"), bench.span("reply q")
    assert sent.kind == SpanKind.PRODUCER
    assert processed.kind == SpanKind.CONSUMER
    assert processed.parent is None
    assert received["body"] == "hello"
    assert [link.context.span_id for link in processed.links] == [sent.context.span_id]
    (latency,) = bench.points("messaging.message.receive.latency")
    (duration,) = bench.points("messaging.process.duration")
    assert 0 <= latency.sum < 1
    assert dict(duration.attributes) == {
        "messaging.system": "redis",
        "messaging.destination.name": "q",
        "messaging.operation.name": "reply",
    }


def test_putting_a_message_into_a_queue_is_the_phase_task_queuing(bench, server):
    tracer = bench.tracer_provider.get_tracer("test")
    with (
        tracer.start_as_current_span("POST /w", kind=SpanKind.SERVER, attributes={"http.request.method": "POST"}),
        lists(server).publish({}),
    ):
        pass
    assert "task_queuing" in bench.seen.webhooks[0].phases_s


@pytest.mark.parametrize("payload", [{}, {"lapbell": 1}, {"lapbell": {"traceparent": "no", "enqueued_at": "no"}}])
def test_a_message_that_carries_nothing_is_processed_all_the_same(bench, server, payload):
    with lists(server).process(payload):
        pass
    assert bench.span("process q").links == ()
    assert bench.points("messaging.message.receive.latency") == []


async def test_a_worker_that_fails_is_counted_and_its_error_passes(bench, server):
    queue = lists(server)
    with pytest.raises(KeyError), queue.process({}):
        raise KeyError("absent")
    (point,) = bench.points("messaging.process.duration")
    state = queue.state()
    assert point.attributes["error.type"] == "KeyError"
    assert state.processed == 1
    assert state.failures == {"KeyError": 1}
    assert bench.span("process q").status.status_code is StatusCode.ERROR


def test_gauges_say_what_waits_and_who_works(bench, server, client):
    now = [100.0]
    queue = lists(server, clock=lambda: now[0])
    poller, gauges = Poller(queue, lambda: None), Gauges(bench.meter_provider.get_meter("test"))
    for source in (queue, poller):
        gauges.add(source)
    client.lpush("q:high", "a", "b")
    client.lpush("q:dead", "c")
    poller.poll()
    with queue.work(2), queue.process({}):
        now[0] = 107.0
        points = bench.collect()
    assert {
        name: values(points[name])
        for name in (
            "messaging.queue.messages",
            "messaging.queue.limit",
            "messaging.process.timeout",
            "messaging.process.oldest.age",
            "messaging.worker.count",
        )
    } == {
        "messaging.queue.messages": {("ready", "high"): 2, ("ready", "low"): 0, ("dead",): 1},
        "messaging.queue.limit": {(): 3},
        "messaging.process.timeout": {(): 30},
        "messaging.process.oldest.age": {(): 7},
        "messaging.worker.count": {("busy",): 1, ("idle",): 1},
    }


def own_gauges(bench: Workbench) -> dict[str, dict[tuple[str, ...], float]]:
    """What a process says of its tasks and workers."""
    points = bench.collect()
    names = ("messaging.process.oldest.age", "messaging.worker.count")
    return {name: values(points[name]) for name in names if name in points}


def test_workers_that_are_gone_are_told_from_workers_that_nobody_counts(bench):
    queue, gauges = lapbell.queues.Queue("q", "kafka"), Gauges(bench.meter_provider.get_meter("test"))
    gauges.add(queue)
    before = own_gauges(bench)
    with queue.process({}):
        pass
    uncounted = own_gauges(bench)
    with queue.work(2):
        pass
    assert {"before": before, "uncounted": uncounted, "gone": own_gauges(bench)} == {
        "before": {},
        "uncounted": {"messaging.process.oldest.age": {(): 0}},
        "gone": {
            "messaging.process.oldest.age": {(): 0},
            "messaging.worker.count": {("busy",): 0, ("idle",): 0},
        },
    }


def test_the_task_that_began_first_is_the_oldest_until_it_ends():
    now = [100.0]
    queue = lapbell.queues.Queue("q", "kafka", clock=lambda: now[0])
    ages = []
    first, second = contextlib.ExitStack(), contextlib.ExitStack()
    # Two workers, each in its own context: a span that ends before one inside it would stay the current one.
    workers = {stack: contextvars.copy_context() for stack in (first, second)}
    workers[first].run(first.enter_context, queue.process({}))
    now[0] = 105.0
    workers[second].run(second.enter_context, queue.process({}))
    now[0] = 108.0
    for stack, worker in workers.items():
        ages.append(queue.state().oldest_task_s)
        worker.run(stack.close)
    assert [*ages, queue.state().oldest_task_s, queue.state().mean_s] == [8.0, 3.0, 0.0, 5.5]


def test_failures_are_counted_by_type_and_types_are_bounded():
    queue = lapbell.queues.Queue("q", "kafka")
    for number in range(150):
        with contextlib.suppress(Exception), queue.process({}):
            raise type(f"Error{number % 120}", (Exception,), {})
    failures = queue.state().failures
    sizes = {"types": len(failures), "all": sum(failures.values())}
    assert sizes | {name: failures[name] for name in ("Error0", "_OTHER")} == {
        "types": 101,
        "all": 150,
        "Error0": 2,
        "_OTHER": 20,
    }


def test_the_oldest_message_is_as_old_as_it_says(bench, server, client):
    now = [1_000.0]
    queue = lists(server, wall_clock=lambda: now[0])
    with queue.publish({}) as message:
        client.lpush("q:high", json.dumps(message), "younger")
    now[0] = 1_004.0
    reading = queue.read(1.0)
    assert reading is not None
    assert reading.oldest_s == {"high": 4.0}


def test_a_message_that_says_no_time_is_as_old_as_it_was_seen_to_be_the_oldest(server, client):
    now = [50.0]
    queue = lists(server, clock=lambda: now[0])
    client.lpush("q:high", "first", "second")
    ages = []
    for step_s, change in ((0, None), (7, None), (3, "taken"), (4, None), (1, "taken")):
        now[0] += step_s
        if change:
            client.rpop("q:high")
        reading = queue.read(60.0)
        assert reading is not None
        ages.append(reading.oldest_s)
    assert ages == [{"high": 0.0}, {"high": 7.0}, {"high": 0.0}, {"high": 4.0}, {}]


def test_the_age_of_the_oldest_running_task_is_known_while_it_runs():
    queue = lapbell.queues.Queue("tasks", "redis")
    gauge = "messaging.process.oldest.age"

    def ages() -> list[float]:
        return [float(seen.value) for seen in queue.observe(gauge)]

    before = ages()
    with queue.work():
        idle = ages()
        with queue.process({}):
            first = ages()[0]
            with queue.process({}):
                both = ages()[0]
        after = ages()
    assert before == []
    assert idle == [0.0]
    assert 0 < first < both
    assert after == [0.0]


def test_the_open_spans_of_a_task_past_its_timeout_are_shown_while_it_runs_and_again_at_twice_the_age():
    queue = lapbell.queues.Queue("tasks", "redis", timeout_s=10)
    with workbench(timeouts_s={"tasks": 10.0}) as bench:
        with queue.process({}, "send_reply") as consumer, lapbell.phase("cache_lookup"):
            assert isinstance(consumer, ReadableSpan)
            began_ns = consumer.start_time or 0
            for seconds in (9, 11, 12, 23):
                bench.processor._tasks.sweep(began_ns + seconds * 1_000_000_000)
            shown = [span for span in bench.spans if span.name == "lapbell.pending"]
        bench.processor._tasks.sweep(began_ns + 100_000_000_000)
    facts = [
        [(span.attributes or {}).get(name) for name in ("lapbell.pending.age", "webhook.phase.name")]
        + [(span.attributes or {}).get("messaging.operation.name"), span.parent]
        for span in shown
    ]
    own = consumer.get_span_context()
    assert facts == [[age, "cache_lookup", "send_reply", own] for age in (11.0, 23.0)]


def test_one_process_at_a_time_asks(server, client):
    first, second = lists(server), lists(server)
    assert first.read(60.0) is not None
    assert second.read(60.0) is None
    assert first.read(60.0) is not None
    client.delete("lapbell:lease:q")
    assert second.read(60.0) is not None
    assert first.read(60.0) is None


@dataclass
class Relay:
    """Stands between a client and Redis, and counts how often the client speaks after Redis has."""

    url: str
    turns: int = 0

    def carry(self, client: socket.socket, redis_server: socket.socket) -> None:
        """Until one of them hangs up."""
        redis_has_spoken = True
        while True:
            for sender in select.select([client, redis_server], [], [])[0]:
                message = sender.recv(65_536)
                if not message:
                    return
                if sender is client:
                    self.turns += redis_has_spoken
                redis_has_spoken = sender is redis_server
                (redis_server if sender is client else client).sendall(message)


@contextlib.contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")

        def run() -> None:
            client, _ = listener.accept()
            with client, socket.create_connection(("127.0.0.1", port)) as redis_server:
                relay.carry(client, redis_server)

        thread = threading.Thread(target=run)
        thread.start()
        yield relay
    thread.join()


def test_whoever_has_the_lease_asks_in_one_round_trip_and_prolongs_it(server, client):
    client.lpush("q:high", "a", "b")
    with relay_to(server.port) as relay:
        queue = RedisLists({"high": "q:high", "low": "q:low"}, in_flight="q:now", dead="q:dead", url=relay.url)
        queue.read(60.0)
        client.pexpire("lapbell:lease:q", 5_000)
        before = relay.turns
        reading = queue.read(60.0)
        assert queue._client is not None
        queue._client.close()
    assert {
        "round trips": relay.turns - before,
        "ready": reading and reading.ready,
        "states": reading and reading.states,
        "is prolonged": client.pttl("lapbell:lease:q") > 5_000,
    } == {"round trips": 1, "ready": {"high": 2, "low": 0}, "states": {"in_flight": 0, "dead": 0}, "is prolonged": True}


def test_who_has_no_lease_asks_for_nothing_but_the_lease(server, client):
    lists(server).read(60.0)
    with relay_to(server.port) as relay:
        queue = RedisLists({"high": "q:high", "low": "q:low"}, url=relay.url)
        queue.read(60.0)
        before, lengths = relay.turns, client.info("commandstats")["cmdstat_llen"]["calls"]
        reading = queue.read(60.0)
        assert queue._client is not None
        queue._client.close()
    assert {
        "reading": reading,
        "round trips": relay.turns - before,
        "lengths": client.info("commandstats")["cmdstat_llen"]["calls"] - lengths,
    } == {"reading": None, "round trips": 1, "lengths": 0}


def test_a_redis_that_does_not_answer_costs_a_quarter_of_a_second_once():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        queue = RedisLists({"high": "q:high"}, url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            queue.read(1.0)
        took_s = time.monotonic() - began
    assert 0.25 <= took_s < 10  # redis-py's own retries take 15 s and more


def test_the_mean_is_of_the_last_thousand_messages(bench, server):
    queue = lists(server)
    for _ in range(1_100):
        with queue.process({}):
            pass
    assert queue.state().processed == 1_100
    assert len(queue._tasks._times_s) == 1_000


def test_a_queue_over_its_limit_is_told_at_once_and_once(server, client):
    requested: list[None] = []
    poller = Poller(lists(server), lambda: requested.append(None))
    for pushed in (3, 1, 1):
        client.lpush("q:high", *["m"] * pushed)
        poller.poll()
    assert len(requested) == 1


def test_a_reading_grows_stale(server, client):
    now = [0.0]
    poller = Poller(lists(server), lambda: None, clock=lambda: now[0])
    poller.poll()
    fresh = list(poller.observe("messaging.queue.messages"))
    now[0] = 3.5
    assert len(fresh) == 3
    assert list(poller.observe("messaging.queue.messages")) == []


def test_a_redis_that_is_gone_has_no_depth(caplog):
    queue = RedisLists({"high": "gone"}, url=f"redis://127.0.0.1:{free_port()}/0")
    poller = Poller(queue, lambda: None)
    poller.poll()
    poller.poll()
    assert list(poller.observe("messaging.queue.messages")) == []
    assert len(caplog.records) == 1


def test_a_queue_that_was_read_says_what_it_holds_and_since_when(server, client):
    now = [100.0]
    queue = lists(server, clock=lambda: now[0])
    client.lpush("q:high", "a", "b")
    client.lpush("q:dead", "c")
    Poller(queue, lambda: None).poll()
    now[0] = 101.5
    state = queue.state()
    assert {
        "ready": state.ready,
        "states": state.states,
        "age": state.age_s,
        "why": state.why_unread,
    } == {"ready": {"high": 2, "low": 0}, "states": {"dead": 1}, "age": 1.5, "why": ""}


def test_a_queue_that_was_not_read_says_why(server, client):
    lists(server).read(60.0)
    elsewhere = lists(server)
    gone = RedisLists({"high": "gone"}, url=f"redis://127.0.0.1:{free_port()}/0")
    for queue in (elsewhere, gone):
        Poller(queue, lambda: None).poll()
    states = [queue.state() for queue in (lists(server), elsewhere, gone)]
    assert [(state.ready, state.why_unread.split(":")[0]) for state in states] == [
        (None, "nothing has asked yet what it holds"),
        (None, "another process has the lease to ask; the evaluator's REST has its answer"),
        (None, "redis did not say"),
    ]


def test_one_gauge_that_fails_costs_no_other(bench):
    class Broken:
        gauges = ("messaging.queue.limit",)

        def observe(self, gauge):
            raise RuntimeError("no")

    queue = lapbell.queues.Queue("other", "redis", limit=7)
    gauges = Gauges(bench.meter_provider.get_meter("test"))
    for source in (Broken(), queue):
        gauges.add(source)
    assert [point.value for point in bench.points("messaging.queue.limit")] == [7]


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ({"high": "q:high", "low": "q:low"}, "q"),
        ({"all": "tasks"}, "tasks"),
        ({"high": "a", "low": "b"}, "tasks"),
        ({"high": "app:jobs:1", "low": "app:jobs:2"}, "app:jobs"),
    ],
)
def test_a_queue_is_named_after_what_its_lists_share(keys, name):
    assert RedisLists(keys).destination == name


def test_a_queue_without_lists_is_refused_with_the_remedy():
    with pytest.raises(lapbell.LapbellError, match="pass the list of each priority"):
        RedisLists({})
