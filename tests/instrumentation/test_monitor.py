"""The performance monitor, by the seed's names."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import HistogramDataPoint

import lapbell
from lapbell import seam
from lapbell.circuits import Circuits
from lapbell.gauges import Gauges
from lapbell.ledger import Ledger
from lapbell.monitor import alerts
from lapbell.monitor.reported import Reported
from lapbell.monitor.summaries import percentile
from lapbell.observations import RedisOperation, Webhook
from lapbell.process import process
from lapbell.queues import Poller
from lapbell.seam import Seam
from lapbell_evaluator.api.alert_schemas import AlertCounts, AlertList, AlertView, Timeline
from lapbell_evaluator.api.evidence_schemas import AlertEvidence
from lapbell_evaluator.api.schemas import Span
from lapbell_evaluator.model import Evidence, HostEvidence
from lapkit import Workbench, python, workbench
from peers import free_port

SEED_EXAMPLES = """
from lapbell import get_performance_monitor

monitor = get_performance_monitor()
webhook_summary = monitor.get_webhook_timing_summary()

print(f"Webhooks within 500ms target: {webhook_summary['within_500ms_percentage']:.1f}%")
print(f"P95 response time: {webhook_summary['p95_total_time']:.3f}s")

redis_summary = monitor.get_redis_operation_summary()

print(f"Redis success rate: {redis_summary['success_rate']:.1f}%")
print(f"Average latency: {redis_summary['average_latency']:.3f}s")

for operation, stats in redis_summary['operations_by_type'].items():
    print(f"{operation}: {stats['avg_latency']:.3f}s avg")

queue_summary = monitor.get_task_queue_summary()

print(f"Current queue depth: {queue_summary['current_depth']}")
print(f"Backpressure detected: {queue_summary['backpressure_detected']}")
print(f"Worker utilization: {queue_summary['current_worker_utilization']:.1f}%")

# Get active alerts
active_alerts = monitor.get_active_alerts()
for alert in active_alerts:
    print(f"{alert.severity}: {alert.message}")

# Resolve an alert
monitor.resolve_alert("alert_key", "Issue resolved by scaling workers")
"""

SEED_THRESHOLDS = {
    "webhook_response_time_warning": 1.0,
    "webhook_response_time_critical": 3.0,
    "webhook_500ms_target": 0.5,
    "webhook_2s_requirement": 2.0,
    "redis_operation_warning": 0.1,
    "redis_operation_critical": 0.5,
    "redis_failure_rate_warning": 5.0,
    "redis_failure_rate_critical": 10.0,
    "task_queue_depth_warning": 500,
    "task_queue_depth_critical": 800,
    "worker_utilization_warning": 80.0,
    "worker_utilization_critical": 95.0,
}


def view(**more) -> AlertView:
    """An incident in the evaluator's own words."""
    usual: dict[str, Any] = {
        "alert_key": "alert_key",
        "alertname": "WebhookResponseTime",
        "category": "webhook",
        "severity": "warning",
        "state": "firing",
        "health": "ok",
        "detail": "",
        "message": "webhooks are slow",
        "description": "",
        "runbook_url": "",
        "labels": {"job": "app"},
        "metric_value": 1.5,
        "threshold": 1.0,
        "started_at": 1.0,
        "fired_at": 2.0,
        "recovering_at": None,
        "resolved_at": None,
        "duration": 1.0,
        "acknowledged": False,
        "held": False,
        "silenced_by": [],
        "inhibited_by": [],
        "flapping": False,
        "reason": "",
        "resolved_by": None,
        "resolved_why": None,
        "phase_to_blame": "cache_lookup",
        "blame": [],
        "trace_ids": ["a" * 32],
        "trace_urls": [],
        "storm": None,
        "timeline": dict.fromkeys(Timeline.model_fields),
        "peak": 3.0,
        "trend": {"minute_ago": 0.4, "five_minutes_ago": None},
        "counts": {"bad": 9.0, "total": 60.0},
        "cause": "cache_lookup, 90% of the excess",
        "evidence": None,
    }
    return AlertView(**usual | more)


@dataclass
class Evaluator:
    """The evaluator's REST, as far as the monitor asks it."""

    alerts: list[AlertView]
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)
    url: str = ""
    status: int = 200
    problem: dict[str, str] = field(default_factory=dict)

    def answer(self) -> bytes:
        counts = AlertCounts(
            total=len(self.alerts), by_severity={}, by_category={}, by_state={}, acknowledged=0, storms=0
        )
        body = AlertList(
            window=Span(start=0, end=1), summary=counts, alerts=self.alerts, recently_resolved=[], storms=[]
        )
        return body.model_dump_json().encode()


@contextlib.contextmanager
def evaluator(*alerts: AlertView) -> Iterator[Evaluator]:
    standing = Evaluator(list(alerts))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(standing.answer())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            standing.alerts = [alert for alert in standing.alerts if alert.alert_key not in self.path]
            self.reply(json.dumps(standing.problem).encode(), body)

        def reply(self, content: bytes, body: str = "") -> None:
            standing.asked.append((self.command, self.path, self.headers.get("Authorization", ""), body))
            self.send_response(standing.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    standing.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield standing
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def monitor(**environment: str) -> Iterator[lapbell.PerformanceMonitor]:
    own = lapbell.PerformanceMonitor(environment)
    with workbench():
        yield own
    own.stop()


def webhook(duration_s: float, outcome: str = "accepted") -> Webhook:
    phases = {"cache_lookup": duration_s / 4, "other": 3 * duration_s / 4}
    return Webhook("twilio", "/w", 200, outcome, duration_s, phases, 1.0, "a" * 32)


def test_the_seed_s_examples_run_as_they_stand():
    with evaluator(view()) as rest:
        printed = python(SEED_EXAMPLES, LAPBELL_URL=rest.url, LAPBELL_TOKEN="secret")
    assert printed.splitlines() == [
        "Webhooks within 500ms target: 100.0%",
        "P95 response time: 0.000s",
        "Redis success rate: 100.0%",
        "Average latency: 0.000s",
        "Current queue depth: 0",
        "Backpressure detected: False",
        "Worker utilization: 0.0%",
        "warning: webhooks are slow",
    ]
    (posted,) = [asked for asked in rest.asked if asked[0] == "POST"]
    assert posted == (
        "POST",
        "/api/performance/alerts/alert_key/resolve",
        "Bearer secret",
        json.dumps({"reason": "Issue resolved by scaling workers"}),
    )


def test_thresholds_are_the_seed_s_and_read_only():
    with monitor() as own:
        with pytest.raises(TypeError, match="does not support item assignment"):
            own.thresholds["webhook_500ms_target"] = 1.0  # type: ignore[index] # what a user without mypy may write
        assert own.thresholds == SEED_THRESHOLDS


def test_alerts_are_listed_again_when_the_evaluator_answers_again_and_never_when_they_are_old():
    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        own._alerts._interval_s = 0.05
        seen: list[str] = []
        for status, wanted in ((503, "refused"), (200, "1 active"), (503, "refused")):
            rest.status, answer = status, ""
            while answer != wanted:
                try:
                    answer = f"{len(own.get_active_alerts())} active"
                except lapbell.LapbellError:
                    answer = "refused"
            seen.append(answer)
    assert seen == ["refused", "1 active", "refused"]


def test_webhooks_are_summed_up():
    with monitor() as own:
        for duration_s in (0.1, 0.2, 0.5, 1.2, 3.0):
            own.webhook(webhook(duration_s))
        own.webhook(webhook(0.1, "rejected"))
        summary = own.get_webhook_timing_summary(recent=2)
    assert summary["scope"] == "process"
    assert summary["total_webhooks"] == 6
    assert summary["outcomes"] == {"accepted": 5, "rejected": 1}
    assert round(summary["within_500ms_percentage"], 2) == 66.67
    assert round(summary["within_2s_percentage"], 2) == 83.33
    assert round(summary["p50_total_time"], 3) == 0.35
    assert round(summary["average_total_time"], 3) == 0.85
    assert {phase: round(stats["percentage"]) for phase, stats in summary["timing_breakdown"].items()} == {
        "other": 75,
        "cache_lookup": 25,
    }
    assert [timing["outcome"] for timing in summary["recent_timings"]] == ["rejected", "accepted"]


def test_rings_are_bounded_and_totals_are_not():
    own = lapbell.PerformanceMonitor({}, keep_last=10)
    for number in range(100):
        own.webhook(webhook(float(number)))
        own.redis(RedisOperation("GET", 0.1))
    webhooks, operations = own.get_webhook_timing_summary(100), own.get_redis_operation_summary(100)
    assert webhooks["total_webhooks"] == 100
    assert len(webhooks["recent_timings"]) == 10
    assert webhooks["p50_total_time"] == 94.5
    assert operations["total_operations"] == 100
    assert len(operations["recent_operations"]) == 10


KEEP_THREE = """
import lapbell
from lapbell.observations import RedisOperation

lapbell.setup(
    {argument}=3, system=False, environment={{"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}}
)
own = lapbell.get_performance_monitor()
for _ in range(5):
    own.redis(RedisOperation("GET", 0.1))
print(len(own.get_redis_operation_summary(100)["recent_operations"]))
"""


@pytest.mark.parametrize("argument", ["keep_last", "kept"])
def test_setup_takes_how_many_are_kept_by_its_name_and_by_the_earlier_one(argument):
    assert python(KEEP_THREE.format(argument=argument)).strip() == "3"


def test_redis_operations_are_summed_up_by_type():
    with monitor() as own:
        for name, duration_s, error in (("GET", 0.01, ""), ("GET", 0.03, ""), ("SET", 0.1, "TimeoutError")):
            own.redis(RedisOperation(name, duration_s, error_type=error))
        summary = own.get_redis_operation_summary()
    by_type = {
        name: (stats["count"], round(stats["avg_latency"], 3), stats["success_rate"])
        for name, stats in summary["operations_by_type"].items()
    }
    assert by_type == {"GET": (2, 0.02, 100.0), "SET": (1, 0.1, 0.0)}
    assert round(summary["success_rate"], 1) == 66.7
    assert round(summary["average_latency"], 4) == 0.0467


@pytest.mark.parametrize(
    ("metrics", "reasons"),
    [
        ({"queue_depth": 80, "max_queue_depth": 100}, []),
        ({"queue_depth": 81, "max_queue_depth": 100}, ["tasks: 81% of the limit wait"]),
        ({"active_workers": 19, "total_workers": 20}, ["tasks: 95% of the workers are busy"]),
        (
            {"average_processing_time": 25.0, "task_timeout": 30.0},
            ["tasks: 83% of the timeout is the mean processing time"],
        ),
    ],
)
def test_backpressure_has_the_seed_s_three_arms(metrics, reasons):
    with monitor() as own:
        own.record_task_queue_metrics(lapbell.TaskQueueMetrics(**metrics))
        summary = own.get_task_queue_summary()
    assert summary["backpressure_reasons"] == reasons
    assert summary["backpressure_detected"] == bool(reasons)


def test_an_unreachable_redis_is_no_empty_queue():
    queue = lapbell.queues.RedisLists({"high": "q:high"}, 100, url=f"redis://127.0.0.1:{free_port()}/0")
    Poller(queue, lambda: None).poll()
    with monitor() as own:
        own.watch([queue], (0.5, 2.0), 10, lambda: None)
        summary = own.get_task_queue_summary()
    (inside,) = summary["queues"]
    keys = ("depth", "depth_age", "depth_by_priority", "worker_utilization", "average_processing_time")
    assert {
        "sums": {key: summary[key] for key in ("current_depth", "depth_age", "backpressure_detected")},
        "queue": {key: value for key, value in inside.items() if key in keys},
        "why": summary["not_measured"],
    } == {
        "sums": {"current_depth": None, "depth_age": None, "backpressure_detected": None},
        "queue": {
            "depth": None,
            "depth_age": None,
            "depth_by_priority": {},
            "worker_utilization": None,
            "average_processing_time": None,
        },
        "why": {
            "current_depth": "q:high: redis did not say: ConnectionError",
            "backpressure_detected": "q:high: redis did not say: ConnectionError",
        },
    }


def test_busy_workers_are_backpressure_also_where_the_depth_is_not_known():
    with monitor() as own:
        metrics = lapbell.TaskQueueMetrics(active_workers=19, total_workers=20, max_queue_depth=100)
        own.record_task_queue_metrics(metrics)
        summary = own.get_task_queue_summary()
    assert summary["backpressure_detected"] is True
    assert summary["current_depth"] is None
    assert summary["not_measured"] == {"current_depth": "tasks: the last report does not say"}


def gauge_values(bench: Workbench) -> dict[str, list[float]]:
    """The values of the gauges of queues."""
    return {
        name: sorted(point.value for point in points)
        for name, points in bench.collect().items()
        if name.startswith("messaging.") and name != "messaging.process.duration"
    }


@pytest.mark.parametrize("own_ledger", [False, True], ids=["sdk", "ledger"])
def test_a_hundred_reported_tasks_are_a_hundred(own_ledger):
    report = lapbell.TaskQueueMetrics(average_processing_time=0.2, processed_tasks=100, failed_tasks=3)
    own, ledger = lapbell.PerformanceMonitor({}), Ledger(())
    with workbench() as bench:
        if own_ledger:
            seam.use(Seam(bench.tracer_provider.get_tracer("test"), ledger))
        own.record_task_queue_metrics(report)
        own.record_task_queue_metrics(report)
        if own_ledger:
            (points,) = [metric.data.data_points for metric in ledger.collect()]
        else:
            points = bench.points("messaging.process.duration")
    counted = {
        (point.attributes or {}).get("error.type"): (point.count, round(point.sum, 6))
        for point in points
        if isinstance(point, HistogramDataPoint)
    }
    summary = own.get_task_queue_summary()
    totals = {key: summary[key] for key in ("processed_tasks", "failed_tasks", "average_processing_time")}
    assert counted == {None: (194, 38.8), "_OTHER": (6, 1.2)}
    assert totals == {"processed_tasks": 200, "failed_tasks": 6, "average_processing_time": 0.2}


def test_a_report_sets_the_gauges_that_it_speaks_of_until_it_is_old():
    now = [0.0]
    reported = Reported(lambda: now[0])
    with workbench() as bench:
        Gauges(bench.meter_provider.get_meter("test")).add(reported)
        reported.queue(lapbell.TaskQueueMetrics(max_queue_depth=9))
        says_nothing = gauge_values(bench)
        reported.queue(
            lapbell.TaskQueueMetrics(
                depth_by_priority={"high": 2, "low": 0},
                oldest_age_by_priority={"high": 4.0},
                dead_letters=1,
                active_workers=1,
                total_workers=3,
            )
        )
        says_more = gauge_values(bench)
        now[0] = 301.0
        is_old = gauge_values(bench)
    assert {"says nothing": says_nothing, "says more": says_more, "is old": is_old} == {
        "says nothing": {"messaging.queue.limit": [9]},
        "says more": {
            "messaging.queue.messages": [0, 1, 2],
            "messaging.queue.oldest_message.age": [4.0],
            "messaging.worker.count": [1, 2],
        },
        "is old": {},
    }


def test_what_the_app_measured_itself_enters_the_same_metrics():
    own = lapbell.PerformanceMonitor({})
    with workbench() as bench:
        own.record_webhook_timing_breakdown(
            lapbell.WebhookTimingBreakdown(total_time=0.7, cache_lookup_time=0.3, provider="twilio", route="/w")
        )
        own.record_redis_operation(lapbell.RedisOperationMetric("get", 0.01, success=False, error="TimeoutError"))
        points = bench.collect()
    own_times = {
        point.attributes["webhook.phase.name"]: round(point.sum, 3) for point in points["webhook.phase.self_duration"]
    }
    (request,), (operation,) = points["webhook.request.duration"], points["db.client.operation.duration"]
    assert own_times == {"cache_lookup": 0.3, "other": 0.4}
    assert round(request.sum, 3) == 0.7
    assert dict(operation.attributes) == {
        "db.system.name": "redis",
        "db.operation.name": "GET",
        "error.type": "TimeoutError",
    }
    assert own.get_webhook_timing_summary()["total_webhooks"] == 1
    assert own.get_redis_operation_summary()["success_rate"] == 0.0


def test_a_reported_circuit_trips_once():
    own, before = lapbell.PerformanceMonitor({}), process.obtain(Circuits).trips
    with workbench():
        for state in ("closed", "open", "open", "half-open", "CLOSED"):
            own.record_redis_operation(
                lapbell.RedisOperationMetric("get", 0.01, circuit_breaker_state=state, circuit_breaker="reported")
            )
    summary = own.get_redis_operation_summary()
    assert summary["circuit_breaker_trips"] - before == 1
    assert summary["circuit_breakers"]["reported"] == "closed"


def test_without_settings_the_evaluator_on_this_machine_is_asked():
    assert alerts.Evaluator.of({}) == alerts.Evaluator("http://127.0.0.1:8740", "")


def test_the_token_of_the_evaluator_in_this_directory_is_sent_to_this_machine_alone(tmp_path):
    (tmp_path / ".lapbell").mkdir()
    (tmp_path / ".lapbell" / "admin.token").write_text("secret\n")
    ask = f"""
import os
from lapbell.monitor.alerts import Evaluator
os.chdir({str(tmp_path)!r})
print(Evaluator.of(os.environ).token)
"""
    assert [
        python(ask).strip(),
        python(ask, LAPBELL_URL="http://elsewhere:8740").strip(),
        python(ask, LAPBELL_TOKEN="mine").strip(),
    ] == ["secret", "", "mine"]


def test_a_token_file_that_is_not_there_is_named():
    said = r"/nowhere/token can't be read.*LAPBELL_TOKEN_FILE"
    with monitor(LAPBELL_TOKEN_FILE="/nowhere/token") as own, pytest.raises(lapbell.LapbellError, match=said):
        own.get_active_alerts()


@pytest.mark.parametrize("ask", [lambda own: own.get_active_alerts(), lambda own: own.resolve_alert("k", "why")])
def test_an_evaluator_that_does_not_answer_is_named_with_the_remedy(ask):
    said = r"no evaluator answers at http://127\.0\.0\.1:9: .*Start one with `lapbell serve`, or set LAPBELL_URL"
    with monitor(LAPBELL_URL="http://127.0.0.1:9") as own, pytest.raises(lapbell.LapbellError, match=said):
        ask(own)


def test_an_alert_that_there_is_not_is_told_as_such_and_another_servers_404_is_not():
    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        rest.status, rest.problem = (
            404,
            {
                "code": "no_such_alert",
                "message": "No firing alert has the key k.",
                "remedy": "`lapbell alerts list` lists them.",
            },
        )
        with pytest.raises(lapbell.LapbellError, match=r"^no such alert: 'k'; get_active_alerts"):
            own.resolve_alert("k", "why")
        rest.status, rest.problem = 422, {"code": "invalid_request", "message": "alert_key: no such form."}
        with pytest.raises(lapbell.LapbellError, match=r"^no such alert: 'k'; get_active_alerts"):
            own.resolve_alert("k", "why")
        rest.status, rest.problem = 404, {"detail": "Not Found"}
        with pytest.raises(lapbell.LapbellError, match=r"refused POST .* \(404\)"):
            own.resolve_alert("k", "why")


def test_an_alert_carries_description_runbook_traces_and_blame():
    blame = [{"phase": "cache_lookup", "share": 0.9, "excess_time": 1.4}]
    told = view(
        description="95% take long.",
        runbook_url="https://example.org/slow",
        trace_urls=["https://traces/a"],
        blame=blame,
        evidence=AlertEvidence.model_validate(Evidence(host=HostEvidence("web-3"))),
    )
    with evaluator(told) as rest, monitor(LAPBELL_URL=rest.url) as own:
        (alert,) = own.get_active_alerts()
    assert alert == lapbell.PerformanceAlert(
        alert_key="alert_key",
        alertname="WebhookResponseTime",
        category="webhook",
        severity="warning",
        state="firing",
        message="webhooks are slow",
        metric_value=1.5,
        threshold=1.0,
        timestamp=1.0,
        context={"job": "app"},
        phase_to_blame="cache_lookup",
        trace_ids=("a" * 32,),
        description="95% take long.",
        runbook_url="https://example.org/slow",
        trace_urls=("https://traces/a",),
        cause="cache_lookup, 90% of the excess",
        blame=(lapbell.BlamedPhase("cache_lookup", 0.9, 1.4),),
        evidence=alert.evidence,
        peak=3.0,
        bad=9.0,
        total=60.0,
    )
    assert alert.evidence["host"]["name"] == "web-3"


def test_alerts_are_the_evaluator_s(tmp_path):
    token = tmp_path / "token"
    token.write_text("from a file\n")
    with (
        evaluator(view(), view(alert_key="over", state="resolved")) as rest,
        monitor(LAPBELL_URL=rest.url + "/", LAPBELL_TOKEN_FILE=str(token)) as own,
    ):
        (alert,) = own.get_active_alerts()
        own.resolve_alert("alert_key", "done")
        left = own.get_active_alerts()
    assert alert.alert_key == "alert_key"
    assert alert.phase_to_blame == "cache_lookup"
    assert alert.context == {"job": "app"}
    assert left == []
    assert {asked[2] for asked in rest.asked} == {"Bearer from a file"}


def test_a_refusal_says_what_the_evaluator_said():
    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        own.get_active_alerts()
        rest.status = 403
        with pytest.raises(lapbell.LapbellError, match=r"refused POST .* \(403\)"):
            own.resolve_alert("alert_key", "done")


def test_handlers_plain_and_async_are_called_once_per_incident_and_severity():
    called: list[tuple[str, str]] = []
    came = threading.Semaphore(0)

    def plain(alert) -> None:
        called.append(("plain", alert.severity))
        came.release()

    async def later(alert) -> None:
        await asyncio.sleep(0)
        called.append(("async", alert.severity))
        came.release()

    def broken(alert) -> None:
        raise RuntimeError("no")

    with evaluator(view()) as rest, monitor(LAPBELL_URL=rest.url) as own:
        for handler in (broken, plain, later):
            own.add_alert_handler(handler)
        for _ in range(2):
            assert came.acquire(timeout=100)
        rest.alerts = [view(severity="critical")]
        for _ in range(2):
            assert came.acquire(timeout=100)
    assert called == [("plain", "warning"), ("async", "warning"), ("plain", "critical"), ("async", "critical")]


async def test_on_an_event_loop_nothing_waits_for_the_evaluator():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        monitor(LAPBELL_URL=f"http://127.0.0.1:{silent.getsockname()[1]}") as own,
    ):
        # who waits for this evaluator gets an error in the end
        assert own.get_active_alerts() == []


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 1))
def test_percentiles_lie_between_the_smallest_and_the_largest_value(values, share):
    ordered = sorted(values)
    assert ordered[0] <= percentile(ordered, share) <= ordered[-1] + 1e-9
    assert percentile(ordered, 0) == ordered[0]
    assert percentile(ordered, 1) == ordered[-1]
