"""What an app reports to the performance monitor enters the same metrics as what is measured for it."""

import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint

import lapbell
from lapbell import seam
from lapbell.circuits import Circuits
from lapbell.gauges import Gauges
from lapbell.ledger import Ledger
from lapbell.monitor.reported import Reported
from lapbell.process import process
from lapbell.seam import Seam
from lapkit import Workbench, workbench


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
