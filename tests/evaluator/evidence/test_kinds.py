"""Each kind of alert shows evidence of its own kind."""

import pytest

from blame_kit import Failing, Request, Service
from lapbell import semconv
from lapbell_evaluator.evidence import CONSUMER, INTERNAL, SERVER, EvidenceCollector, RecentTraces, Span, SpanEvent
from lapbell_evaluator.evidence.kind import Kind, kind_of_alert
from lapbell_evaluator.model import (
    Alert,
    BlockedLine,
    CircuitEvidence,
    Evidence,
    FailureCause,
    HostEvidence,
    InFlightEvidence,
    OpenSpan,
    PoolUse,
    PriorityDepth,
    RunningRequest,
    State,
    TaskShare,
    cause_of,
    labels,
)
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.series import ExemplarRing, SeriesStore

PHASES = (("validation", 0.01), ("cache_lookup", 0.02))
REFUSED = Failing("cache_lookup", "redis.exceptions.ConnectionError", redis="GET", message="connection refused")
REDIS = {"server_address": "10.0.0.5", "server_port": "6379"}
LINE = {"code_function_name": "pay", "code_file_path": "/srv/app/pay.py", "code_line_number": "7"}


@pytest.fixture
def service():
    return Service(SeriesStore(), RecentTraces())


@pytest.fixture
def collect(service):
    """Evidence at 100 s for an alert of the service."""
    engine = Engine(service.store)
    collector = EvidenceCollector(engine, service.traces, ExemplarRing())

    async def collected(name, at=100.0, **pairs) -> Evidence:
        own = labels({"alertname": name, **pairs})
        alert = Alert("g", "r", own, "key", own, State.FIRING, active_at=at, proven_at=at, value=1)
        return await collector.collect(alert, at)

    yield collected
    engine.close()


def blocked(service, at=100.0, seconds=0.4):
    """The loop is blocked, and the alert about it fires."""
    service.gauge(at, "lapbell_event_loop_blocked_seconds", seconds, **LINE)
    service.gauge(at, "ALERTS", 1, alertname="EventLoopBlocked", alertstate="firing")


async def test_redis_refused_in_the_cache_lookup_is_what_an_error_rate_is_blamed_on(service, collect):
    service.scrape(45)
    for second in range(46, 101):
        fails = second % 2 == 0
        phases = PHASES if fails else (*PHASES, ("other", 0.4))
        service.answer(Request(float(second), phases, failing=REFUSED if fails else None, status=500 if fails else 200))
        if second % 10 == 0:
            service.scrape(second)
    evidence = await collect("WebhookErrorRate", category="webhook", job=service.job, http_route="/w")
    assert evidence.errors is not None
    cause = FailureCause(
        share=1.0,
        count=28,
        error_type="redis.exceptions.ConnectionError",
        reason="connection refused",
        span="GET",
        phase="cache_lookup",
        status_code=500,
        provider="stripe",
        message="connection refused",
        line="handle (/srv/app/hooks.py:42)",
        trace_id=f"{55:032x}",
        system="redis",
    )
    assert evidence.blame == ()
    assert evidence.phase == "cache_lookup"
    assert evidence.errors.causes == (cause,)
    assert str(evidence.errors.causes[0]) == "connection refused (redis.exceptions.ConnectionError) in cache_lookup"
    assert [
        (each.outcome, each.status_code, each.provider, round(each.count)) for each in evidence.errors.responses
    ] == [("error", 500, "stripe", 28)]
    assert round(evidence.errors.failed or 0) == 28
    assert round(evidence.errors.total or 0) == 55
    assert evidence.trace_ids[0] == f"{55:032x}"


async def test_without_traces_an_error_rate_is_blamed_on_what_metrics_say(service, collect):
    service.scrape(45)
    for second in range(46, 101):
        service.answer(Request(float(second), PHASES, failing=REFUSED, status=500), with_spans=False)
    service.scrape(100)
    evidence = await collect("WebhookErrorRate", category="webhook", job=service.job, http_route="/w")
    assert evidence.errors is not None
    assert [(each.error_type, each.status_code, each.share) for each in evidence.errors.causes] == [
        ("redis.exceptions.ConnectionError", 500, 1.0)
    ]


async def test_what_was_not_measured_is_none(collect):
    evidence = await collect("WebhookErrorRate", category="webhook", job="nobody", http_route="/w")
    assert evidence.errors is not None
    assert evidence.errors.failed is None
    assert evidence.errors.total is None
    assert evidence.errors.causes == ()


async def test_an_exhausted_pool_is_told_with_the_wait_apart_from_the_servers_time(service, collect):
    service.scrape(45)
    for second in (50, 60, 70, 80, 90, 100):
        for _ in range(10):
            service.redis("GET", 0.5)
            service.pool_wait("10.0.0.5:6379_a1b2c3d4", 0.49)  # as redis-py names it
        service.scrape(second)
    for pool, used in (("10.0.0.5:6379/0", 10), ("10.0.0.5:63790/0", 1)):
        own = {"db_client_connection_pool_name": pool}
        service.gauge(100, "db_client_connection_count", used, **own, db_client_connection_state="used")
        service.gauge(100, "db_client_connection_max", 10, **own)
    evidence = await collect("RedisLatency", category="redis", job=service.job, db_operation_name="GET", **REDIS)
    assert evidence.redis is not None
    (pool,) = evidence.redis.pools
    rounded = PoolUse(pool.pool, pool.used, pool.limit, round(pool.wait_s or 0, 3), round(pool.server_s or 0, 3))
    assert rounded == PoolUse("10.0.0.5:6379/0", 10, 10, 0.49, 0.01)
    assert pool.is_exhausted is True


async def test_a_queue_shows_its_priorities_and_tasks(service, collect):
    queue = {"messaging_system": "redis", "messaging_destination_name": "jobs"}
    for priority, ready, age in (("low", 3, 5), ("high", 90, 240)):
        own = {**queue, "messaging_queue_priority": priority}
        service.gauge(100, "messaging_queue_messages", ready, **own, messaging_queue_message_state="ready")
        service.gauge(100, "messaging_queue_oldest_message_age_seconds", age, **own)
    service.gauge(100, "messaging_worker_count", 3, **queue, messaging_worker_state="busy")
    service.gauge(100, "messaging_worker_count", 1, **queue, messaging_worker_state="idle")
    service.scrape(45)
    for number in range(10):
        service.task("jobs", "resize", 3.0, "OSError" if number < 4 else "")
        service.task("jobs", "mail", 1.0)
    service.scrape(100)
    evidence = await collect("TaskQueueDepth", category="task_queue", **queue)
    assert evidence.queue is not None
    tasks = [
        TaskShare(t.task, round(t.share, 2), round(t.mean_s, 2), round(t.count), round(t.failed), t.error_type)
        for t in evidence.queue.tasks
    ]
    assert evidence.queue.priorities == (PriorityDepth("high", 90, 240), PriorityDepth("low", 3, 5))
    assert tasks == [TaskShare("resize", 0.75, 3.0, 10, 4, "OSError"), TaskShare("mail", 0.25, 1.0, 10)]
    assert evidence.queue.workers == 4
    assert evidence.queue.busy == 3


async def test_a_queue_whose_worker_was_killed_has_no_workers_and_one_that_nobody_counts_has_unknown_ones(
    service, collect
):
    killed, uncounted = ({"messaging_system": "redis", "messaging_destination_name": name} for name in ("jobs", "mail"))
    service.gauge(30, "messaging_worker_count", 1, **killed, messaging_worker_state="busy")  # says nothing after that
    workers = {}
    for queue in (killed, uncounted):
        service.gauge(100, "messaging_queue_messages", 5, **queue, messaging_queue_message_state="ready")
        evidence = await collect("TaskQueueStalled", category="task_queue", **queue)
        assert evidence.queue is not None
        workers[queue["messaging_destination_name"]] = (evidence.queue.workers, evidence.queue.busy)
    assert workers == {"jobs": (0, 0), "mail": (None, None)}


async def test_a_machine_is_named_by_the_alert_or_by_those_who_run_on_it(service, collect):
    service.gauge(100, "target_info", 1, instance="app-1", host_name="web-3", host_id="i-7")
    service.gauge(100, "target_info", 1, instance="app-2", host_name="web-4", host_id="i-8")
    by_instance = await collect("CpuUtilization", category="system", job=service.job, instance="app-1")
    by_host = await collect("CpuUtilization", category="system", host_name="web-4")
    assert by_instance.host == HostEvidence("web-3", "i-7", "", (service.job,))
    assert by_host.host == HostEvidence("web-4", "i-8", "", (service.job,))


async def test_a_blocked_loop_shows_the_line_and_latency_alerts_that_it_explains_say_so(service, collect):
    blocked(service)
    line = BlockedLine("pay", "/srv/app/pay.py", 7, 0.4)
    loop = await collect("EventLoopBlocked", category="webhook", job=service.job)
    slow = await collect("WebhookResponseTime", category="webhook", job=service.job, http_route="/w")
    redis = await collect("RedisLatency", category="redis", job=service.job, db_operation_name="GET", **REDIS)
    assert loop.event_loop is not None
    assert slow.latency is not None
    assert redis.redis is not None
    assert loop.event_loop.lines == (line,)
    assert slow.latency.explained_by == line
    assert redis.redis.explained_by == line
    assert str(line) == "pay (/srv/app/pay.py:7)"


async def test_a_loop_that_is_blocked_while_no_alert_says_so_explains_nothing(service, collect):
    service.gauge(100, "lapbell_event_loop_blocked_seconds", 0.1, **LINE)
    slow = await collect("WebhookResponseTime", category="webhook", job=service.job, http_route="/w")
    assert slow.latency is not None
    assert slow.latency.explained_by is None


async def test_a_blocked_loop_that_no_request_of_the_route_waited_for_does_not_explain_its_latency(service, collect):
    service.scrape(45)
    for second in range(46, 101):
        service.answer(Request(float(second), (("upstream_call", 3.0),)), with_spans=False)
    service.scrape(100)
    blocked(service)
    slow = await collect("WebhookResponseTime", category="webhook", job=service.job, http_route="/w")
    assert slow.latency is not None
    assert slow.latency.explained_by is None
    assert cause_of(slow) == "upstream_call, 100% of the excess"


async def test_time_that_waited_for_the_loop_and_time_that_no_span_covers_stand_apart(service, collect):
    service.scrape(45)
    for second in range(46, 101):
        service.answer(Request(float(second), (("event_loop", 3.0), ("other", 1.0))), with_spans=False)
    service.scrape(100)
    slow = await collect("WebhookResponseTime", category="webhook", job=service.job, http_route="/w")
    assert slow.latency is not None
    assert slow.latency.event_loop is not None
    assert slow.latency.other is not None
    assert slow.phase == "event_loop"
    assert round(slow.latency.event_loop.share, 2) == 0.75
    assert round(slow.latency.other.share, 2) == 0.25


def snapshot(trace, at, age, *, route="/w", job="shop/app"):
    """A request that runs, as the library tells it."""
    began = at - age
    pairs = {
        semconv.HTTP_ROUTE: route,
        semconv.WEBHOOK_PROVIDER: "twilio",
        semconv.WEBHOOK_PHASE_NAME: "cache_lookup",
        semconv.PENDING_AGE: f"{age:g}",
        semconv.PENDING_SPAN_ID: "ab" * 8,
    }
    event = SpanEvent("webhook.cache_lookup", round((began + 1) * 1e9), ((semconv.WEBHOOK_PHASE_NAME, "cache_lookup"),))
    time_ns = round(at * 1e9)
    id_ = f"{round(at):016x}"
    return Span(
        trace,
        id_,
        "ab" * 8,
        semconv.PENDING_SPAN,
        INTERNAL,
        time_ns,
        time_ns,
        False,
        job,
        "i",
        tuple(pairs.items()),
        (event,),
    )


async def test_what_is_stuck_shows_phase_and_trace_of_the_oldest_while_it_runs(service, collect):
    old, young, gone, done = "a" * 32, "b" * 32, "c" * 32, "d" * 32
    service.traces.add([snapshot(old, 80, 20), snapshot(old, 98, 38), snapshot(young, 95, 4)])
    service.traces.add([snapshot(gone, 40, 10), snapshot(done, 95, 30), snapshot("e" * 32, 99, 50, route="/other")])
    service.traces.add([Span(done, "ab" * 8, "", "POST /w", SERVER, 0, 99 * 10**9, False, "shop/app", "i", ())])
    evidence = await collect("WebhookStuck", category="webhook", job=service.job, http_route="/w")
    spans = (OpenSpan("webhook.cache_lookup", "cache_lookup", 61.0),)
    assert evidence.phase == "cache_lookup"
    assert evidence.trace_ids[:2] == (old, young)
    assert evidence.in_flight == InFlightEvidence(
        (
            RunningRequest(old, 60.0, 38.0, "/w", "twilio", "cache_lookup", spans),
            RunningRequest(
                young,
                91.0,
                4.0,
                "/w",
                "twilio",
                "cache_lookup",
                (OpenSpan("webhook.cache_lookup", "cache_lookup", 92.0),),
            ),
        )
    )


async def test_a_task_that_is_stuck_shows_its_name_and_trace_whichever_worker_runs_it(service, collect):
    queue = {"messaging.system": "redis", "messaging.destination.name": "jobs"}

    def task(trace: str, name: str, destination: str, age: float) -> Span:
        pairs = {
            **queue,
            "messaging.destination.name": destination,
            semconv.MESSAGING_OPERATION_NAME: name,
            semconv.WEBHOOK_PHASE_NAME: "other",
            semconv.PENDING_AGE: f"{age:g}",
            semconv.PENDING_SPAN_ID: "ab" * 8,
        }
        own = tuple(pairs.items())
        return Span(
            trace, "cd" * 8, "ab" * 8, semconv.PENDING_SPAN, INTERNAL, 99 * 10**9, 99 * 10**9, False, "w", "i", own
        )

    stuck, done = "a" * 32, "b" * 32
    service.traces.add(
        [task(stuck, "resize", "jobs", 90), task(done, "mail", "jobs", 95), task("c" * 32, "x", "mail", 9)]
    )
    service.traces.add([Span(done, "ab" * 8, "", "mail jobs", CONSUMER, 0, 99 * 10**9, False, "w", "i", ())])
    evidence = await collect(
        "TaskStuck", category="task_queue", messaging_system="redis", messaging_destination_name="jobs"
    )
    assert evidence.in_flight is not None
    running = [(request.task, request.trace_id, request.age_s) for request in evidence.in_flight.oldest]
    assert running == [("resize", stuck, 90.0)]
    assert evidence.trace_ids == (stuck,)
    assert cause_of(evidence) == "resize has run for 90 s"


async def test_a_circuit_says_whether_it_guards_redis_and_what_redis_says(service, collect):
    own = {"circuit_breaker_name": "cache", "circuit_breaker_state": "open", "db_system_name": "redis"}
    service.gauge(100, "circuit_breaker_status", 1, **own)
    service.gauge(100, "circuit_breaker_status", 1, circuit_breaker_name="billing", circuit_breaker_state="open")
    service.scrape(45)
    for _ in range(20):
        service.redis("GET", 0.1, "TimeoutError")
    service.scrape(100)
    cache = await collect("RedisCircuitOpen", category="redis", job=service.job, circuit_breaker_name="cache")
    billing = await collect("CircuitOpen", category="webhook", job=service.job, circuit_breaker_name="billing")
    assert cache.circuit is not None
    assert cache.circuit.is_redis is True
    assert cache.circuit.processes == 1
    assert [error.name for error in cache.circuit.errors] == ["timeout"]
    assert billing.circuit == CircuitEvidence("billing", is_redis=False, processes=1)


@pytest.mark.parametrize(
    ("own", "kind"),
    [
        ({"alertname": "Checkout5xx", "http_route": "/w"}, Kind.ERRORS),
        ({"alertname": "CheckoutSlow", "http_route": "/w"}, Kind.LATENCY),
        ({"alertname": "CommandsFail", "category": "redis"}, Kind.REDIS_ERRORS),
        ({"alertname": "TaskQueueStalled", "messaging_destination_name": "jobs"}, Kind.QUEUE),
        ({"alertname": "MemoryUtilization", "category": "system"}, Kind.HOST),
        ({"alertname": "Mine"}, Kind.OTHER),
    ],
)
def test_rules_that_lapbell_does_not_bring_are_known_by_what_they_name(own, kind):
    assert kind_of_alert(own) is kind
