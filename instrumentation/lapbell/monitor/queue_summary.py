"""How full the queues are, and whether this process keeps up."""

from collections.abc import Sequence

from lapbell import semconv
from lapbell.monitor.summaries import QueueSummary, TaskQueueSummary
from lapbell.observations import QueueStanding

__all__ = ["task_queue_summary"]


def task_queue_summary(standings: Sequence[QueueStanding]) -> TaskQueueSummary:
    """Sum up queues."""
    queues = [_queue(standing) for standing in standings]
    by_priority: dict[str, int] = {}
    for standing in standings:
        for priority, count in standing.ready.items():
            by_priority[priority] = by_priority.get(priority, 0) + count
    reasons = [f"{each['destination']}: {reason}" for each in queues for reason in each["backpressure_reasons"]]
    processed = sum(standing.processed for standing in standings)
    time_s = sum(standing.mean_s * max(1, standing.processed) for standing in standings if standing.mean_s)
    timed = sum(max(1, standing.processed) for standing in standings if standing.mean_s)
    return {
        "scope": "process",
        "current_depth": sum(by_priority.values()),
        "depth_by_priority": by_priority,
        "backpressure_detected": bool(reasons),
        "backpressure_reasons": reasons,
        "current_worker_utilization": _percent(
            sum(standing.busy for standing in standings), sum(standing.workers for standing in standings)
        ),
        "average_processing_time": time_s / timed if timed else 0.0,
        "processed_tasks": processed,
        "failed_tasks": sum(standing.failed for standing in standings),
        "queues": queues,
    }


def _queue(standing: QueueStanding) -> QueueSummary:
    return {
        "destination": standing.destination,
        "system": standing.system,
        "depth": sum(standing.ready.values()),
        "depth_by_priority": dict(standing.ready),
        "limit": standing.limit,
        "timeout": standing.timeout_s,
        "workers": standing.workers,
        "busy_workers": standing.busy,
        "worker_utilization": _percent(standing.busy, standing.workers),
        "average_processing_time": standing.mean_s,
        "processed_tasks": standing.processed,
        "failed_tasks": standing.failed,
        "backpressure_reasons": _reasons(standing),
    }


def _reasons(standing: QueueStanding) -> list[str]:
    filled = _percent(sum(standing.ready.values()), standing.limit or 0)
    used = _percent(standing.busy, standing.workers)
    slow = _percent(standing.mean_s, standing.timeout_s or 0)
    arms = (
        (filled, semconv.BACKPRESSURE_DEPTH, "of the limit wait"),
        (used, semconv.BACKPRESSURE_WORKERS, "of the workers are busy"),
        (slow, semconv.BACKPRESSURE_TIME, "of the timeout is the mean processing time"),
    )
    return [f"{value:.0f}% {said}" for value, limit, said in arms if value > limit]


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
