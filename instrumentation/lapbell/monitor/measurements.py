"""What an app has measured itself, and what alerts look like in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lapbell import semconv

__all__ = ["BlamedPhase", "PerformanceAlert", "RedisOperationMetric", "TaskQueueMetrics", "WebhookTimingBreakdown"]


@dataclass(frozen=True, slots=True)
class WebhookTimingBreakdown:
    """One webhook, timed by the app itself. All times in seconds.

    Attributes:
        total_time: from the request to the end of its response.
        validation_time: of the request's contents.
        signature_validation_time: of its signature.
        task_queuing_time: to put a task into a queue.
        response_preparation_time: to make the response.
        cache_lookup_time: to look something up in a cache.
        redis_operation_time: inside Redis operations.
        route: the route's template.
        provider: who sent the webhook.
        outcome: accepted, rejected, duplicate or error.
        status_code: of the response.
        event_type: what it was about, one of few names.
    """

    total_time: float
    validation_time: float = 0.0
    signature_validation_time: float = 0.0
    task_queuing_time: float = 0.0
    response_preparation_time: float = 0.0
    cache_lookup_time: float = 0.0
    redis_operation_time: float = 0.0
    route: str = ""
    provider: str = ""
    outcome: str = semconv.OUTCOME_ACCEPTED
    status_code: int | None = None
    event_type: str = ""

    @property
    def phases_s(self) -> dict[str, float]:
        """Seconds by phase; what they leave of the total is `other`."""
        named = {
            semconv.PHASE_VALIDATION: self.validation_time,
            semconv.PHASE_SIGNATURE_VALIDATION: self.signature_validation_time,
            semconv.PHASE_TASK_QUEUING: self.task_queuing_time,
            semconv.PHASE_RESPONSE_PREPARATION: self.response_preparation_time,
            semconv.PHASE_CACHE_LOOKUP: self.cache_lookup_time,
            semconv.PHASE_REDIS_OPERATION: self.redis_operation_time,
        }
        times = {phase: time_s for phase, time_s in named.items() if time_s > 0}
        return times | {semconv.PHASE_OTHER: max(0.0, self.total_time - sum(times.values()))}


@dataclass(frozen=True, slots=True)
class RedisOperationMetric:
    """One Redis operation, timed by the app itself.

    Attributes:
        operation: the command.
        latency: seconds.
        success: whether it did what it should.
        error: what failed, of few distinct values.
        circuit_breaker_state: closed, open or half_open; empty if there is no breaker.
        circuit_breaker: the breaker's name.
        connection_pool_size: connections in use, if known.
        server: the server's address.
        port: the server's port.
    """

    operation: str
    latency: float
    success: bool = True
    error: str = ""
    circuit_breaker_state: str = ""
    circuit_breaker: str = semconv.REDIS
    connection_pool_size: int | None = None
    server: str = ""
    port: int | None = None


@dataclass(frozen=True, slots=True)
class TaskQueueMetrics:
    """A queue at one moment, read by the app itself; what it does not say is not known, and not 0.

    Attributes:
        queue_depth: waiting messages; the sum of `depth_by_priority` if that is given.
        depth_by_priority: waiting messages by priority (high, normal, low).
        max_queue_depth: most messages it should hold.
        active_workers: busy ones.
        total_workers: all of them.
        average_processing_time: seconds per task, over those since the last report.
        task_timeout: seconds; the longest time a task may take.
        failed_tasks: since the last report; they are a part of `processed_tasks`.
        processed_tasks: since the last report; if only an average is given, it is entered as that of one task.
        destination: the queue's name.
        system: what keeps it.
        oldest_age_by_priority: seconds that the oldest message waits, by priority.
        dead_letters: messages that were given up and are kept.
    """

    queue_depth: int | None = None
    depth_by_priority: Mapping[str, int] = field(default_factory=dict)
    max_queue_depth: int | None = None
    active_workers: int | None = None
    total_workers: int | None = None
    average_processing_time: float | None = None
    task_timeout: float | None = None
    failed_tasks: int | None = None
    processed_tasks: int | None = None
    destination: str = "tasks"
    system: str = semconv.REDIS
    oldest_age_by_priority: Mapping[str, float] = field(default_factory=dict)
    dead_letters: int | None = None

    @property
    def ready(self) -> Mapping[str, int] | None:
        """Waiting messages by priority; None if the report says nothing of them."""
        if self.depth_by_priority:
            return self.depth_by_priority
        return None if self.queue_depth is None else {semconv.PRIORITY_NORMAL: self.queue_depth}

    @property
    def depth(self) -> int | None:
        """Waiting messages of all priorities; None if the report says nothing of them."""
        return None if self.ready is None else sum(self.ready.values())


@dataclass(frozen=True, slots=True)
class BlamedPhase:
    """A phase's part of what requests take more than they used to.

    Attributes:
        phase: its name.
        share: 0..1 of the excess.
        excess_time: seconds per request.
    """

    phase: str
    share: float
    excess_time: float


@dataclass(frozen=True, slots=True)
class PerformanceAlert:
    """An incident, as the evaluator tells it.

    Attributes:
        alert_key: names the incident; `resolve_alert` takes it.
        alertname: the rule's name.
        category: webhook, redis, task_queue or system.
        severity: warning or critical.
        state: firing, or recovering: its condition has cleared, and it is not yet resolved, because it may return.
        message: one sentence for people.
        metric_value: what was measured, None if not known.
        threshold: what it was compared with, None if not known.
        timestamp: Unix seconds when it began.
        context: its labels.
        phase_to_blame: the phase that took the time, or in which requests fail; None where that makes no sense.
        trace_ids: of the slowest or failing requests.
        acknowledged: whether somebody takes care of it.
        description: what it means, with value and threshold.
        runbook_url: where to read on; empty if nowhere.
        trace_urls: links to the traces, if the evaluator knows where they are looked at.
        cause: what is to blame, in one line; None if that is not known.
        blame: of an alert about latency, the share of each phase, the largest first.
        evidence: all that was found by the kind of alert, as the evaluator's REST has it; empty if nothing was.
        peak: the worst value since it began, None if not known.
        bad: how many events were bad, if the value is a share of counted events.
        total: of how many.
    """

    alert_key: str
    alertname: str
    category: str
    severity: str
    state: str
    message: str
    metric_value: float | None
    threshold: float | None
    timestamp: float
    context: Mapping[str, str]
    phase_to_blame: str | None = None
    trace_ids: tuple[str, ...] = ()
    acknowledged: bool = False
    description: str = ""
    runbook_url: str = ""
    trace_urls: tuple[str, ...] = ()
    cause: str | None = None
    blame: tuple[BlamedPhase, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    peak: float | None = None
    bad: float | None = None
    total: float | None = None
