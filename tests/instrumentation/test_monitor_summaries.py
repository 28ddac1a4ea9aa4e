"""The summaries of the performance monitor: what a process has seen of webhooks, Redis and queues."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lapbell
from lapbell.monitor.summaries import percentile
from lapbell.observations import RedisOperation, Webhook
from lapbell.queues import Poller
from lapkit.asked_evaluator import monitor
from peers import free_port


def webhook(duration_s: float, outcome: str = "accepted") -> Webhook:
    phases = {"cache_lookup": duration_s / 4, "other": 3 * duration_s / 4}
    return Webhook("twilio", "/w", 200, outcome, duration_s, phases, 1.0, "a" * 32)


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


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0, 1))
def test_percentiles_lie_between_the_smallest_and_the_largest_value(values, share):
    ordered = sorted(values)
    assert ordered[0] <= percentile(ordered, share) <= ordered[-1] + 1e-9
    assert percentile(ordered, 0) == ordered[0]
    assert percentile(ordered, 1) == ordered[-1]
