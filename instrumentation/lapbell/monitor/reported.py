"""What the app measured itself enters the same metrics as what lapbell measures."""

import threading
import time
from collections.abc import Iterator, Mapping

from opentelemetry.metrics import Observation

from lapbell import seam, semconv
from lapbell.monitor.measurements import RedisOperationMetric, TaskQueueMetrics, WebhookTimingBreakdown
from lapbell.observations import QueueState, RedisOperation, Webhook
from lapbell.process import process
from lapbell.processor import Limits, Statistics, redis_metric_attributes
from lapbell.provider_deadlines import deadlines_s

__all__ = ["Reported"]


class Reported:
    """Records reports, and answers the gauges that they set."""

    def __init__(self) -> None:
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """What the parent has reported is the parent's."""
        self._lock = threading.Lock()
        self._queues: dict[str, TaskQueueMetrics] = {}
        self._processed: dict[str, tuple[int, int]] = {}
        self._pools: dict[str, int] = {}

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges that reports set."""
        return (
            semconv.MESSAGING_QUEUE_MESSAGES,
            semconv.MESSAGING_QUEUE_LIMIT,
            semconv.MESSAGING_PROCESS_TIMEOUT,
            semconv.MESSAGING_WORKER_COUNT,
            semconv.DB_CLIENT_CONNECTION_COUNT,
        )

    @property
    def connections(self) -> Mapping[str, Mapping[str, int]]:
        """Connections in use by pool, as reported last."""
        with self._lock:
            return {pool: {semconv.CONNECTION_USED: count} for pool, count in self._pools.items()}

    @property
    def queue_states(self) -> list[QueueState]:
        """The reported queues."""
        with self._lock:
            return [self._state(metrics) for metrics in self._queues.values()]

    def webhook(self, timing: WebhookTimingBreakdown, targets_s: tuple[float, ...]) -> Webhook:
        """Record a webhook."""
        webhook = Webhook(
            provider=timing.provider,
            route=timing.route,
            status_code=timing.status_code,
            outcome=timing.outcome,
            duration_s=timing.total_time,
            phases_s=timing.phases_s,
            ended_at=time.time(),
            trace_id="",
        )
        Statistics(seam.current(), Limits(targets_s, deadlines_s())).record_untraced(webhook)
        return webhook

    def redis(self, metric: RedisOperationMetric) -> RedisOperation:
        """Record a Redis operation."""
        operation = RedisOperation(
            name=metric.operation.upper(),
            duration_s=metric.latency,
            address=metric.server,
            port=metric.port,
            error_type="" if metric.success else metric.error or semconv.ERROR_TYPE_OTHER,
            ended_at=time.time(),
        )
        attributes = redis_metric_attributes(operation)
        seam.current().record(semconv.DB_CLIENT_OPERATION_DURATION, operation.duration_s, attributes)
        if metric.connection_pool_size is not None:
            with self._lock:
                self._pools[f"{metric.server or semconv.REDIS}:{metric.port or ''}".rstrip(":")] = (
                    metric.connection_pool_size
                )
        return operation

    def queue(self, metrics: TaskQueueMetrics) -> None:
        """Keep the state of a queue until the next report, and record its processing time."""
        with self._lock:
            processed, failed = self._processed.get(metrics.destination, (0, 0))
            self._processed[metrics.destination] = (
                processed + metrics.processed_tasks,
                failed + metrics.failed_tasks,
            )
            self._queues[metrics.destination] = metrics
        if metrics.average_processing_time > 0:
            attributes = _named(metrics) | {semconv.MESSAGING_OPERATION_NAME: "process"}
            seam.current().record(semconv.MESSAGING_PROCESS_DURATION, metrics.average_processing_time, attributes)

    def observe(self, gauge: str) -> Iterator[Observation]:
        """What the last reports say about one gauge."""
        if gauge == semconv.DB_CLIENT_CONNECTION_COUNT:
            for pool, states in self.connections.items():
                for state, count in states.items():
                    named = {semconv.DB_CLIENT_CONNECTION_POOL_NAME: pool, semconv.DB_CLIENT_CONNECTION_STATE: state}
                    yield Observation(count, named)
            return
        with self._lock:
            queues = tuple(self._queues.values())
        for metrics in queues:
            yield from _observations(gauge, metrics)

    def _state(self, metrics: TaskQueueMetrics) -> QueueState:
        processed, failed = self._processed[metrics.destination]
        return QueueState(
            destination=metrics.destination,
            system=metrics.system,
            ready=_ready(metrics),
            limit=metrics.max_queue_depth,
            timeout_s=metrics.task_timeout,
            workers=metrics.total_workers,
            busy=metrics.active_workers,
            processed=processed,
            failed=failed,
            mean_s=metrics.average_processing_time,
        )


def _named(metrics: TaskQueueMetrics) -> dict[str, str]:
    return {semconv.MESSAGING_SYSTEM: metrics.system, semconv.MESSAGING_DESTINATION_NAME: metrics.destination}


def _ready(metrics: TaskQueueMetrics) -> dict[str, int]:
    return dict(metrics.depth_by_priority) or {semconv.PRIORITY_NORMAL: metrics.queue_depth}


def _observations(gauge: str, metrics: TaskQueueMetrics) -> Iterator[Observation]:
    named = _named(metrics)
    match gauge:
        case semconv.MESSAGING_QUEUE_MESSAGES:
            for priority, count in _ready(metrics).items():
                state = {
                    semconv.MESSAGING_QUEUE_MESSAGE_STATE: semconv.QUEUE_READY,
                    semconv.MESSAGING_QUEUE_PRIORITY: priority,
                }
                yield Observation(count, named | state)
        case semconv.MESSAGING_QUEUE_LIMIT if metrics.max_queue_depth is not None:
            yield Observation(metrics.max_queue_depth, named)
        case semconv.MESSAGING_PROCESS_TIMEOUT if metrics.task_timeout is not None:
            yield Observation(metrics.task_timeout, named)
        case semconv.MESSAGING_WORKER_COUNT if metrics.total_workers:
            idle = max(0, metrics.total_workers - metrics.active_workers)
            yield Observation(metrics.active_workers, named | {semconv.MESSAGING_WORKER_STATE: semconv.WORKER_BUSY})
            yield Observation(idle, named | {semconv.MESSAGING_WORKER_STATE: semconv.WORKER_IDLE})
