"""Webhook phases as OpenTelemetry spans, and the metrics that follow from them."""

import importlib
from typing import TYPE_CHECKING, Any, Final

from lapbell.process import ForkSafeLock

if TYPE_CHECKING:
    from lapbell import event_types as event_types
    from lapbell import queues as queues
    from lapbell import signatures as signatures
    from lapbell import testing as testing
    from lapbell.circuits import circuit as circuit
    from lapbell.errors import LapbellError as LapbellError
    from lapbell.integrations.breakers import watch_breaker as watch_breaker
    from lapbell.integrations.webhooks import webhook as webhook
    from lapbell.monitor import BlamedPhase as BlamedPhase
    from lapbell.monitor import PerformanceAlert as PerformanceAlert
    from lapbell.monitor import PerformanceMonitor as PerformanceMonitor
    from lapbell.monitor import RedisOperationMetric as RedisOperationMetric
    from lapbell.monitor import TaskQueueMetrics as TaskQueueMetrics
    from lapbell.monitor import WebhookTimingBreakdown as WebhookTimingBreakdown
    from lapbell.monitor import get_performance_monitor as get_performance_monitor
    from lapbell.phases import event_type as event_type
    from lapbell.phases import outcome as outcome
    from lapbell.phases import phase as phase
    from lapbell.processor import sampler as sampler
    from lapbell.wiring import Handle as Handle
    from lapbell.wiring import setup as setup

__all__ = [
    "BlamedPhase",
    "Handle",
    "LapbellError",
    "PerformanceAlert",
    "PerformanceMonitor",
    "RedisOperationMetric",
    "TaskQueueMetrics",
    "WebhookTimingBreakdown",
    "circuit",
    "event_type",
    "event_types",
    "get_performance_monitor",
    "outcome",
    "phase",
    "queues",
    "sampler",
    "setup",
    "signatures",
    "testing",
    "watch_breaker",
    "webhook",
]

_MODULES: Final = frozenset({"event_types", "queues", "signatures", "testing"})
_HOMES: Final = {
    "Handle": "lapbell.wiring",
    "LapbellError": "lapbell.errors",
    "BlamedPhase": "lapbell.monitor",
    "PerformanceAlert": "lapbell.monitor",
    "PerformanceMonitor": "lapbell.monitor",
    "RedisOperationMetric": "lapbell.monitor",
    "TaskQueueMetrics": "lapbell.monitor",
    "WebhookTimingBreakdown": "lapbell.monitor",
    "circuit": "lapbell.circuits",
    "event_type": "lapbell.phases",
    "get_performance_monitor": "lapbell.monitor",
    "outcome": "lapbell.phases",
    "phase": "lapbell.phases",
    "sampler": "lapbell.processor",
    "setup": "lapbell.wiring",
    "watch_breaker": "lapbell.integrations.breakers",
    "webhook": "lapbell.integrations.webhooks",
}

_loading: Final = ForkSafeLock()
"""A child that is forked while another thread loads a module would wait for that thread for ever."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load a name when it is first used: the evaluator imports `lapbell.semconv` alone, without the SDK behind it."""
    if name in _MODULES:
        with _loading:
            return importlib.import_module(f"lapbell.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'lapbell' has no attribute {name!r}")
    with _loading:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
