"""Queues: what a message carries, and what a process says of its tasks and workers."""

import contextlib
import contextvars
import json

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

import lapbell
from lapbell.gauges import Gauges
from lapbell.queues import Poller, RedisLists
from lapkit import Workbench, workbench
from lapkit.redis_lists import bench, client, lists, server, values

__all__ = ["bench", "client", "server"]  # fixtures


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


def test_the_mean_is_of_the_last_thousand_messages(bench, server):
    queue = lists(server)
    for _ in range(1_100):
        with queue.process({}):
            pass
    assert queue.state().processed == 1_100
    assert len(queue._tasks._times_s) == 1_000


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
