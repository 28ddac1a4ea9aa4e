"""What the app measured itself enters the same metrics as what lapbell measures."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.metrics import Observation

from lapbell import seam, semconv
from lapbell.event_types import EventTypes
from lapbell.monitor.measurements import RedisOperationMetric, TaskQueueMetrics, WebhookTimingBreakdown
from lapbell.observations import QueueState, RedisOperation, Webhook
from lapbell.process import process
from lapbell.processor import Limits, Statistics, redis_metric_attributes
from lapbell.provider_deadlines import deadlines_s

__all__ = ["Reported"]


_STALE_AFTER_S: Final = 300.0
"""An older report says nothing of the present; apps report about once a minute."""
_PROCESS: Final = "process"


@dataclass(slots=True)
class _ReportedQueue:
    """What was reported of one queue.

    Attributes:
        latest: the last report.
        at: when it came, monotonic seconds.
        processed: tasks of all reports.
        failed: how many of them failed.
        mean_s: seconds per task, as reported last.
    """

    latest: TaskQueueMetrics = field(default_factory=TaskQueueMetrics)
    at: float = 0.0
    processed: int = 0
    failed: int = 0
    mean_s: float | None = None


class Reported:
    """Records reports, and answers the gauges that they set.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """What the parent has reported is the parent's."""
        self._lock = threading.Lock()
        self._queues: dict[str, _ReportedQueue] = {}
        self._pools: dict[str, int] = {}

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges that reports set."""
        return (
            semconv.MESSAGING_QUEUE_MESSAGES,
            semconv.MESSAGING_QUEUE_LIMIT,
            semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE,
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
            return [self._state(queue) for queue in self._queues.values()]

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
            event_type=process.obtain(EventTypes).bounded(timing.event_type),
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
        """Keep the state of a queue until the next report, and record every task that has ended since the last one."""
        average_s = metrics.average_processing_time
        processed, failed = metrics.processed_tasks or 0, metrics.failed_tasks or 0
        with self._lock:
            queue = self._queues.setdefault(metrics.destination, _ReportedQueue())
            queue.latest, queue.at = metrics, self._clock()
            queue.processed += processed
            queue.failed += failed
            queue.mean_s = queue.mean_s if average_s is None else average_s
        if average_s is not None:
            is_counted = metrics.processed_tasks is not None or metrics.failed_tasks is not None
            self._record(metrics, average_s, max(processed, failed) if is_counted else 1, failed)

    def _record(self, metrics: TaskQueueMetrics, average_s: float, processed: int, failed: int) -> None:
        attributes = _named(metrics) | {semconv.MESSAGING_OPERATION_NAME: _PROCESS}
        failure = attributes | {semconv.ERROR_TYPE: semconv.ERROR_TYPE_OTHER}
        for named, count in ((attributes, processed - failed), (failure, failed)):
            if count > 0:
                seam.current().record(semconv.MESSAGING_PROCESS_DURATION, average_s, named, times=count)

    def observe(self, gauge: str) -> Iterator[Observation]:
        """What the last reports say about one gauge."""
        if gauge == semconv.DB_CLIENT_CONNECTION_COUNT:
            for pool, states in self.connections.items():
                for state, count in states.items():
                    named = {semconv.DB_CLIENT_CONNECTION_POOL_NAME: pool, semconv.DB_CLIENT_CONNECTION_STATE: state}
                    yield Observation(count, named)
            return
        with self._lock:
            fresh = [queue.latest for queue in self._queues.values() if self._is_fresh(queue)]
        for metrics in fresh:
            yield from _observations(gauge, metrics)

    def _is_fresh(self, queue: _ReportedQueue) -> bool:
        return self._clock() - queue.at <= _STALE_AFTER_S

    def _state(self, queue: _ReportedQueue) -> QueueState:
        metrics, is_fresh = queue.latest, self._is_fresh(queue)
        ready = metrics.ready if is_fresh else None
        return QueueState(
            destination=metrics.destination,
            system=metrics.system,
            ready=None if ready is None else dict(ready),
            states={} if metrics.dead_letters is None else {semconv.QUEUE_DEAD: metrics.dead_letters},
            oldest_s=dict(metrics.oldest_age_by_priority),
            age_s=None if ready is None else self._clock() - queue.at,
            why_unread="" if ready is not None else _why_unread(is_fresh),
            limit=metrics.max_queue_depth,
            timeout_s=metrics.task_timeout,
            workers=metrics.total_workers if is_fresh else None,
            busy=metrics.active_workers if is_fresh else None,
            processed=queue.processed,
            failures={semconv.ERROR_TYPE_OTHER: queue.failed} if queue.failed else {},
            mean_s=queue.mean_s,
        )


def _why_unread(is_fresh: bool) -> str:  # noqa: FBT001 - the one thing that is asked
    return "the last report does not say" if is_fresh else f"no report for {_STALE_AFTER_S:.0f} s"


def _named(metrics: TaskQueueMetrics) -> dict[str, str]:
    return {semconv.MESSAGING_SYSTEM: metrics.system, semconv.MESSAGING_DESTINATION_NAME: metrics.destination}


def _observations(gauge: str, metrics: TaskQueueMetrics) -> Iterator[Observation]:
    """What a report says of one gauge; of what it does not say there is no value."""
    named = _named(metrics)
    match gauge:
        case semconv.MESSAGING_QUEUE_MESSAGES:
            yield from _messages(metrics, named)
        case semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE:
            for priority, age_s in metrics.oldest_age_by_priority.items():
                yield Observation(age_s, named | {semconv.MESSAGING_QUEUE_PRIORITY: priority})
        case semconv.MESSAGING_QUEUE_LIMIT if metrics.max_queue_depth is not None:
            yield Observation(metrics.max_queue_depth, named)
        case semconv.MESSAGING_PROCESS_TIMEOUT if metrics.task_timeout is not None:
            yield Observation(metrics.task_timeout, named)
        case semconv.MESSAGING_WORKER_COUNT if metrics.total_workers is not None and metrics.active_workers is not None:
            idle = max(0, metrics.total_workers - metrics.active_workers)
            yield Observation(metrics.active_workers, named | {semconv.MESSAGING_WORKER_STATE: semconv.WORKER_BUSY})
            yield Observation(idle, named | {semconv.MESSAGING_WORKER_STATE: semconv.WORKER_IDLE})


def _messages(metrics: TaskQueueMetrics, named: dict[str, str]) -> Iterator[Observation]:
    ready = named | {semconv.MESSAGING_QUEUE_MESSAGE_STATE: semconv.QUEUE_READY}
    for priority, count in (metrics.ready or {}).items():
        yield Observation(count, ready | {semconv.MESSAGING_QUEUE_PRIORITY: priority})
    if metrics.dead_letters is not None:
        yield Observation(metrics.dead_letters, named | {semconv.MESSAGING_QUEUE_MESSAGE_STATE: semconv.QUEUE_DEAD})
