"""How full the queues are, and whether this process keeps up."""

from collections.abc import Sequence

from lapbell import semconv
from lapbell.monitor.summaries import QueueSummary, TaskQueueSummary
from lapbell.observations import QueueState

__all__ = ["task_queue_summary"]


def task_queue_summary(states: Sequence[QueueState]) -> TaskQueueSummary:
    """Sum up queues."""
    queues = [_queue(state) for state in states]
    by_priority: dict[str, int] = {}
    for state in states:
        for priority, count in state.ready.items():
            by_priority[priority] = by_priority.get(priority, 0) + count
    reasons = [f"{queue['destination']}: {reason}" for queue in queues for reason in queue["backpressure_reasons"]]
    processed = sum(state.processed for state in states)
    time_s = sum(state.mean_s * max(1, state.processed) for state in states if state.mean_s)
    timed = sum(max(1, state.processed) for state in states if state.mean_s)
    return {
        "scope": "process",
        "current_depth": sum(by_priority.values()),
        "depth_by_priority": by_priority,
        "backpressure_detected": bool(reasons),
        "backpressure_reasons": reasons,
        "current_worker_utilization": _percent(
            sum(state.busy for state in states), sum(state.workers for state in states)
        ),
        "average_processing_time": time_s / timed if timed else 0.0,
        "processed_tasks": processed,
        "failed_tasks": sum(state.failed for state in states),
        "queues": queues,
    }


def _queue(state: QueueState) -> QueueSummary:
    return {
        "destination": state.destination,
        "system": state.system,
        "depth": sum(state.ready.values()),
        "depth_by_priority": dict(state.ready),
        "limit": state.limit,
        "timeout": state.timeout_s,
        "workers": state.workers,
        "busy_workers": state.busy,
        "worker_utilization": _percent(state.busy, state.workers),
        "average_processing_time": state.mean_s,
        "processed_tasks": state.processed,
        "failed_tasks": state.failed,
        "backpressure_reasons": _reasons(state),
    }


def _reasons(state: QueueState) -> list[str]:
    filled = _percent(sum(state.ready.values()), state.limit or 0)
    used = _percent(state.busy, state.workers)
    slow = _percent(state.mean_s, state.timeout_s or 0)
    arms = (
        (filled, semconv.BACKPRESSURE_DEPTH, "of the limit wait"),
        (used, semconv.BACKPRESSURE_WORKERS, "of the workers are busy"),
        (slow, semconv.BACKPRESSURE_TIME, "of the timeout is the mean processing time"),
    )
    return [f"{value:.0f}% {reason}" for value, limit, reason in arms if value > limit]


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0
