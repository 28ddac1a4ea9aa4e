"""What this process has measured, summed up in memory."""

from lapbell.monitor.measurements import (
    BlamedPhase,
    PerformanceAlert,
    RedisOperationMetric,
    TaskQueueMetrics,
    WebhookTimingBreakdown,
)
from lapbell.monitor.monitor import PerformanceMonitor, get_performance_monitor

__all__ = [
    "BlamedPhase",
    "PerformanceAlert",
    "PerformanceMonitor",
    "RedisOperationMetric",
    "TaskQueueMetrics",
    "WebhookTimingBreakdown",
    "get_performance_monitor",
]
