"""The performance monitor, by the seed's names: its examples, thresholds and settings."""

import json

import pytest

from lapkit import python
from lapkit.asked_evaluator import evaluator, monitor, view

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
