"""The performance monitor: what this process has measured, by the names of the seed."""

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from lapbell import semconv
from lapbell.circuits import Circuits, circuit
from lapbell.faults import harmless
from lapbell.monitor.alerts import AlertHandler, Alerts
from lapbell.monitor.measurements import (
    PerformanceAlert,
    RedisOperationMetric,
    TaskQueueMetrics,
    WebhookTimingBreakdown,
)
from lapbell.monitor.queue_summary import task_queue_summary
from lapbell.monitor.reported import Reported
from lapbell.monitor.summaries import (
    RedisSummary,
    TaskQueueSummary,
    WebhookSummary,
    redis_summary,
    webhook_summary,
)
from lapbell.observations import QueueState, RedisOperation, Webhook
from lapbell.pools import Pools
from lapbell.process import process

__all__ = ["PerformanceMonitor", "get_performance_monitor"]

DEFAULT_KEEP_LAST: Final = 10_000
DEFAULT_RECENT: Final = 50


def _nothing() -> None:
    """Nobody exports yet."""


class MonitoredQueue(Protocol):
    """A queue that knows its state."""

    def state(self) -> QueueState:
        """Its state, as far as this process knows."""
        ...


class PerformanceMonitor:
    """Sums up what this process has measured; the evaluator's REST speaks of the whole service.

    Percentiles, averages and percentages speak of the last `keep_last` webhooks and operations, totals of
    everything since the process began.

    Attributes:
        reported: what the app measured itself, as a source of gauges.

    Args:
        environment: says where the evaluator is (`LAPBELL_URL`, `LAPBELL_TOKEN` or `LAPBELL_TOKEN_FILE`); the one on
            this machine if it does not.
        keep_last: webhooks, and Redis operations, that are kept for the summaries.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ, keep_last: int = DEFAULT_KEEP_LAST) -> None:
        self._thresholds: Mapping[str, float] = {
            "webhook_response_time_warning": 1.0,
            "webhook_response_time_critical": 3.0,
            "webhook_500ms_target": semconv.DEFAULT_TARGET_S,
            "webhook_2s_requirement": semconv.DEFAULT_REQUIREMENT_S,
            "redis_operation_warning": 0.1,
            "redis_operation_critical": 0.5,
            "redis_failure_rate_warning": 5.0,
            "redis_failure_rate_critical": 10.0,
            "task_queue_depth_warning": 500,
            "task_queue_depth_critical": 800,
            "worker_utilization_warning": 80.0,
            "worker_utilization_critical": 95.0,
        }
        self._keep_last = keep_last
        self._alerts = Alerts(environment)
        self._queues: tuple[MonitoredQueue, ...] = ()
        self._request_export: Callable[[], None] = _nothing
        self.reported = Reported()
        self._clear()
        process.register(renew_after_fork=self._clear)

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The seed's thresholds by its names, read-only.

        `webhook_500ms_target` and `webhook_2s_requirement` are `setup(targets=...)`, by which this process counts its
        percentages and `webhook.slo.requests`; the evaluator alerts by its own, in `lapbell.yaml`.
        """
        return MappingProxyType(self._thresholds)

    def watch(
        self,
        queues: Sequence[MonitoredQueue],
        targets_s: tuple[float, float],
        keep_last: int,
        request_export: Callable[[], None],
    ) -> None:
        """Take over the arguments of `setup()`."""
        self._queues = tuple(queues)
        self._request_export = request_export
        names = ("webhook_500ms_target", "webhook_2s_requirement")
        self._thresholds = {**self._thresholds, **dict(zip(names, targets_s, strict=True))}
        self._keep_last = keep_last
        self._clear()

    def webhook(self, webhook: Webhook) -> None:
        """A webhook has been answered."""
        with self._lock:
            self._webhooks.append(webhook)
            self._webhook_total += 1

    def redis(self, operation: RedisOperation) -> None:
        """A Redis operation has ended."""
        with self._lock:
            self._operations.append(operation)
            self._operation_total += 1

    def start(self) -> None:
        """Ask the evaluator again, should it have been stopped."""
        self._alerts.start()

    def stop(self) -> None:
        """Ask the evaluator no longer; the summaries stay."""
        self._alerts.stop()

    def get_webhook_timing_summary(self, recent: int = DEFAULT_RECENT) -> WebhookSummary:
        """How fast this process answered its webhooks.

        Args:
            recent: how many of the last webhooks to list.
        """
        target_s, requirement_s = self.thresholds["webhook_500ms_target"], self.thresholds["webhook_2s_requirement"]
        with self._lock:
            webhooks, total = list(self._webhooks), self._webhook_total
        return webhook_summary(webhooks, total, recent, target_s, requirement_s)

    def get_redis_operation_summary(self, recent: int = DEFAULT_RECENT) -> RedisSummary:
        """How fast and how reliable Redis was for this process.

        Args:
            recent: how many of the last operations to list.
        """
        with self._lock:
            operations, total = list(self._operations), self._operation_total
        circuits = process.obtain(Circuits)
        connections = {**self.reported.connections, **process.obtain(Pools).connections}
        return redis_summary(operations, total, recent, circuits.states, circuits.trips, connections)

    def get_task_queue_summary(self) -> TaskQueueSummary:
        """How full the queues are that this process knows, and whether its workers keep up."""
        return task_queue_summary([*(queue.state() for queue in self._queues), *self.reported.queue_states])

    @harmless("measurement")
    def record_webhook_timing_breakdown(self, timing: WebhookTimingBreakdown) -> None:
        """Enter a webhook that the app timed itself."""
        targets_s = (self.thresholds["webhook_500ms_target"], self.thresholds["webhook_2s_requirement"])
        self.webhook(self.reported.webhook(timing, targets_s))
        if timing.total_time > targets_s[0] or timing.outcome == semconv.OUTCOME_ERROR:
            self._request_export()

    @harmless("measurement")
    def record_redis_operation(self, metric: RedisOperationMetric) -> None:
        """Enter a Redis operation that the app timed itself."""
        if metric.circuit_breaker_state:
            circuit(metric.circuit_breaker, metric.circuit_breaker_state, semconv.REDIS)
        self.redis(self.reported.redis(metric))

    @harmless("measurement")
    def record_task_queue_metrics(self, metrics: TaskQueueMetrics) -> None:
        """Enter the state of a queue that the app read itself."""
        self.reported.queue(metrics)
        if metrics.max_queue_depth is not None and (metrics.depth or 0) > metrics.max_queue_depth:
            self._request_export()

    def get_active_alerts(self) -> list[PerformanceAlert]:
        """The evaluator's active incidents, the worst first; at most 4 s old, and the time that handlers took.

        Raises:
            LapbellError: the evaluator did not answer the last question.
        """
        return self._alerts.active()

    def resolve_alert(self, alert_key: str, resolution: str) -> None:
        """Resolve an incident by hand, and say why.

        Raises:
            LapbellError: there is no such alert, or the evaluator does not answer, or it refuses.
        """
        self._alerts.resolve(alert_key, resolution)

    def add_alert_handler(self, handler: AlertHandler) -> None:
        """Call a function, plain or async, for every incident that fires or gets worse, on a thread of lapbell's.

        Raises:
            LapbellError: the token file can't be read.
        """
        self._alerts.add_handler(handler)

    def _clear(self) -> None:
        """Begin with nothing: what the parent has measured is the parent's."""
        self._lock = threading.Lock()
        self._webhooks: deque[Webhook] = deque(maxlen=self._keep_last)
        self._operations: deque[RedisOperation] = deque(maxlen=self._keep_last)
        self._webhook_total = 0
        self._operation_total = 0


def get_performance_monitor() -> PerformanceMonitor:
    """The monitor of this process."""
    return process.obtain(PerformanceMonitor)
