"""What recent traces tell."""

import pytest

from lapbell import semconv
from lapbell_evaluator.evidence import (
    CLIENT,
    INTERNAL,
    PRODUCER,
    SERVER,
    RecentOperation,
    RecentTiming,
    RecentTraces,
    Span,
)


def span(name, start_ms, end_ms, *, id_, parent="", kind=INTERNAL, trace="t1", job="app", failed=False, **attributes):
    pairs = tuple((key.replace("__", "."), value) for key, value in attributes.items())
    return Span(trace, id_, parent, name, kind, start_ms * 10**6, end_ms * 10**6, failed, job, "one", pairs)


def webhook(end_ms, *, start_ms=0, trace="t1", job="app", **attributes):
    known = {"http__route": "/w", "webhook__outcome": "accepted", "http__response__status_code": "200"} | attributes
    return span("POST /w", start_ms, end_ms, id_="root", kind=SERVER, trace=trace, job=job, **known)


def redis_call(start_ms, end_ms, *, id_="redis", trace="t1", **attributes):
    known = {"db__system__name": "redis", "db__operation__name": "GET"} | attributes
    return span("GET", start_ms, end_ms, id_=id_, parent="root", kind=CLIENT, trace=trace, **known)


def test_a_webhook_is_told_with_the_self_time_of_its_phases():
    traces = RecentTraces()
    traces.add(
        [
            span("webhook.signature_validation", 10, 60, id_="a", parent="root"),
            redis_call(70, 80),
            webhook(100, webhook__provider="twilio"),
        ]
    )
    assert traces.recent_timings(10) == (
        RecentTiming(
            time=0.1,
            job="app",
            instance="one",
            route="/w",
            provider="twilio",
            outcome="accepted",
            status_code=200,
            total_s=0.1,
            phases_s=(("other", 0.04), ("redis_operation", 0.01), ("signature_validation", 0.05)),
            trace_id="t1",
        ),
    )


def test_putting_a_message_into_a_queue_is_task_queuing_as_it_is_in_the_metrics():
    traces = RecentTraces()
    traces.add([webhook(100), span("send tasks", 40, 90, id_="p", parent="root", kind=PRODUCER)])
    assert traces.recent_timings(1)[0].phases_s == (("other", 0.05), ("task_queuing", 0.05))


def test_a_span_that_arrives_after_its_webhook_still_counts():
    traces = RecentTraces()
    traces.add([webhook(100)])
    traces.add([span("webhook.cache_lookup", 0, 100, id_="late", parent="root")])
    assert traces.recent_timings(1)[0].phases_s == (("cache_lookup", 0.1),)


def test_webhooks_of_one_process_in_one_trace_keep_their_phases_apart():
    outer = span("POST /w", 0, 100, id_="root", kind=SERVER, http__route="/w")
    inner = span("POST /inner", 20, 60, id_="inner", parent="root", kind=SERVER, http__route="/inner")
    traces = RecentTraces()
    traces.add([outer, inner, span("webhook.validation", 30, 50, id_="v", parent="inner")])
    assert {timing.route: timing.phases_s for timing in traces.recent_timings(2)} == {
        "/w": (("other", 0.1),),
        "/inner": (("other", 0.02), ("validation", 0.02)),
    }


def test_a_span_whose_parent_never_came_belongs_to_the_only_webhook():
    traces = RecentTraces()
    traces.add([webhook(100), span("webhook.validation", 0, 60, id_="v", parent="lost")])
    assert traces.recent_timings(1)[0].phases_s == (("other", 0.04), ("validation", 0.06))


def test_a_span_of_another_process_takes_no_time_of_a_webhook():
    traces = RecentTraces()
    traces.add([webhook(100), span("webhook.validation", 0, 60, id_="v", parent="root", job="worker")])
    assert traces.recent_timings(1)[0].phases_s == (("other", 0.1),)


def test_a_span_that_arrives_twice_counts_once():
    traces = RecentTraces()
    traces.add([redis_call(0, 10), redis_call(0, 10)])
    assert len(traces.recent_operations(10)) == 1


def test_the_newest_webhooks_of_one_service_come_first():
    traces = RecentTraces()
    for n, job in enumerate(["app", "app", "other", "app"]):
        traces.add([webhook(n * 1_000 + 100, start_ms=n * 1_000, trace=f"t{n}", job=job)])
    assert [timing.trace_id for timing in traces.recent_timings(2, "app")] == ["t3", "t1"]


@pytest.mark.parametrize(
    ("attributes", "failed", "error_type", "error_name"),
    [
        ({}, False, None, ""),
        ({"error__type": "redis.exceptions.TimeoutError"}, True, "redis.exceptions.TimeoutError", "timeout"),
        ({"db__response__status_code": "WRONGTYPE"}, True, "WRONGTYPE", "WRONGTYPE"),
        ({}, True, "_OTHER", ""),
    ],
)
def test_a_redis_operation_says_what_failed(attributes, failed, error_type, error_name):
    call = span("GET", 0, 5, id_="r", kind=CLIENT, failed=failed, db__system="redis", **attributes)
    traces = RecentTraces()
    traces.add([call])
    assert traces.recent_operations(1) == (RecentOperation(0.005, "app", "GET", 0.005, error_type, "t1", error_name),)


@pytest.mark.parametrize("command", semconv.REDIS_BLOCKING_COMMANDS)
def test_a_command_that_waits_on_purpose_is_neither_a_recent_operation_nor_a_slow_one_unless_it_fails(command):
    idle = span(command, 0, 1_000, id_="r", parent="root", kind=CLIENT, db__system="redis")
    failed = span(command, 1_000, 2_000, id_="f", parent="root", kind=CLIENT, db__system="redis", failed=True)
    traces = RecentTraces()
    traces.add([idle, failed])
    assert [operation.time for operation in traces.recent_operations(5)] == [2.0]
    assert [example.time for example in traces.examples("app", "redis", 0, 5)] == [2.0]


def test_a_worker_that_waits_for_work_displaces_no_webhook():
    traces = RecentTraces(traces_bytes=20_000)
    traces.add([webhook(100, trace="told")])
    for second in range(500):
        ms = second * 1_000
        traces.add([span("BRPOP", ms, ms + 1_000, id_="r", trace=f"t{second}", kind=CLIENT, db__system="redis")])
    assert [timing.trace_id for timing in traces.recent_timings(5)] == ["told"]


def test_a_call_to_another_database_is_no_redis_operation():
    traces = RecentTraces()
    traces.add([redis_call(0, 5, db__system__name="postgresql")])
    assert traces.recent_operations(1) == ()


def test_the_traces_last_touched_are_kept_where_memory_is_short():
    traces = RecentTraces(traces_bytes=20_000)
    for n in range(100):
        traces.add([webhook(n * 10 + 5, start_ms=n * 10, trace=f"t{n}")])
    kept = [timing.trace_id for timing in traces.recent_timings(100)]
    assert kept[0] == "t99"
    assert 5 < len(kept) < 20


def test_examples_are_the_slowest_requests_of_a_route_and_the_slowest_calls_of_a_command():
    traces = RecentTraces(traces_bytes=2_000)
    for n, took in enumerate((10, 900, 300)):
        begin = n * 1_000
        traces.add([webhook(begin + took, start_ms=begin, trace=f"t{n}"), redis_call(begin, begin + 5, trace=f"t{n}")])
    found = (
        traces.examples("app", "/w", 0, 10, limit=2),
        traces.examples("app", "GET", 0, 2.5, limit=2),
        traces.examples("app", "/w", 0, 10, failed=True),
    )
    assert [[example.trace_id for example in each] for each in found] == [["t1", "t2"], ["t0", "t1"], []]
