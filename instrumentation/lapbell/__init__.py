"""Webhook phases as OpenTelemetry spans, and what they tell."""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lapbell import queues as queues
    from lapbell.circuits import circuit as circuit
    from lapbell.errors import LapbellError as LapbellError
    from lapbell.integrations.webhooks import webhook as webhook
    from lapbell.monitor import PerformanceAlert as PerformanceAlert
    from lapbell.monitor import PerformanceMonitor as PerformanceMonitor
    from lapbell.monitor import RedisOperationMetric as RedisOperationMetric
    from lapbell.monitor import TaskQueueMetrics as TaskQueueMetrics
    from lapbell.monitor import WebhookTimingBreakdown as WebhookTimingBreakdown
    from lapbell.monitor import get_performance_monitor as get_performance_monitor
    from lapbell.phases import outcome as outcome
    from lapbell.phases import phase as phase
    from lapbell.wiring import Handle as Handle
    from lapbell.wiring import setup as setup

__all__ = [
    "Handle",
    "LapbellError",
    "PerformanceAlert",
    "PerformanceMonitor",
    "RedisOperationMetric",
    "TaskQueueMetrics",
    "WebhookTimingBreakdown",
    "circuit",
    "get_performance_monitor",
    "outcome",
    "phase",
    "queues",
    "setup",
    "webhook",
]

_HOMES: Final = {
    "Handle": "lapbell.wiring",
    "LapbellError": "lapbell.errors",
    "PerformanceAlert": "lapbell.monitor",
    "PerformanceMonitor": "lapbell.monitor",
    "RedisOperationMetric": "lapbell.monitor",
    "TaskQueueMetrics": "lapbell.monitor",
    "WebhookTimingBreakdown": "lapbell.monitor",
    "circuit": "lapbell.circuits",
    "get_performance_monitor": "lapbell.monitor",
    "outcome": "lapbell.phases",
    "phase": "lapbell.phases",
    "setup": "lapbell.wiring",
    "webhook": "lapbell.integrations.webhooks",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load a name when it is first used: the evaluator imports `lapbell.semconv` alone, without the SDK behind it."""
    if name == "queues":
        return importlib.import_module("lapbell.queues")
    if name not in _HOMES:
        raise AttributeError(f"module 'lapbell' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
