"""How full the queues are, and whether this process keeps up."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lapbell import semconv
from lapbell.monitor.summaries import QueueSummary, TaskQueueSummary
from lapbell.observations import QueueState

__all__ = ["task_queue_summary"]

_NO_WORKERS: Final = "this process has no workers for it: they are counted where queue.work() stands around them"
_NO_TASKS: Final = "this process has processed none of its messages"
_NOTHING_TO_COMPARE: Final = "neither depth and limit, nor workers, nor processing time and timeout are known here"


def task_queue_summary(states: Sequence[QueueState]) -> TaskQueueSummary:
    """Sum up queues; a queue of which something is not known is left out of that sum, which says so."""
    queues = [_queue(state) for state in states]
    reasons = [f"{queue['destination']}: {reason}" for queue in queues for reason in queue["backpressure_reasons"]]
    read = [state for state in states if state.ready is not None]
    return {
        "scope": "process",
        "current_depth": _sum(state.depth for state in states),
        "depth_by_priority": dict(_added(state.ready for state in states)),
        "depth_age": max((state.age_s for state in read if state.age_s is not None), default=None),
        "backpressure_detected": _any(queue["backpressure_detected"] for queue in queues),
        "backpressure_reasons": reasons,
        "current_worker_utilization": _utilisation_of_all(states),
        "average_processing_time": _mean_of_all(states),
        "processed_tasks": sum(state.processed for state in states),
        "failed_tasks": sum(sum(state.failures.values()) for state in states),
        "failures_by_error_type": dict(_added(state.failures for state in states)),
        "queues": queues,
        "not_measured": _left_out(queues),
    }


def _queue(state: QueueState) -> QueueSummary:
    utilisation = _percent(state.busy, state.workers)
    reasons = _reasons(state, utilisation)
    detected = bool(reasons) if reasons or _is_comparable(state) else None
    missing = {
        "depth": state.why_unread if state.ready is None else None,
        "workers": _NO_WORKERS if state.workers is None else None,
        "worker_utilization": _NO_WORKERS if utilisation is None else None,
        "average_processing_time": _NO_TASKS if state.mean_s is None else None,
        "oldest_task_age": _NO_TASKS if state.oldest_task_s is None else None,
        "backpressure_detected": (state.why_unread or _NOTHING_TO_COMPARE) if detected is None else None,
    }
    return {
        "destination": state.destination,
        "system": state.system,
        "depth": state.depth,
        "depth_by_priority": dict(state.ready or {}),
        "depth_age": state.age_s,
        "messages_by_state": dict(state.states),
        "oldest_message_age": dict(state.oldest_s),
        "limit": state.limit,
        "timeout": state.timeout_s,
        "workers": state.workers,
        "busy_workers": state.busy,
        "worker_utilization": utilisation,
        "average_processing_time": state.mean_s,
        "oldest_task_age": state.oldest_task_s,
        "processed_tasks": state.processed,
        "failed_tasks": sum(state.failures.values()),
        "failures_by_error_type": dict(state.failures),
        "backpressure_detected": detected,
        "backpressure_reasons": reasons,
        "not_measured": {key: why for key, why in missing.items() if why is not None},
    }


def _reasons(state: QueueState, utilisation: float | None) -> list[str]:
    arms = (
        (_percent(state.depth, state.limit), semconv.BACKPRESSURE_DEPTH, "of the limit wait"),
        (utilisation, semconv.BACKPRESSURE_WORKERS, "of the workers are busy"),
        (
            _percent(state.mean_s, state.timeout_s),
            semconv.BACKPRESSURE_TIME,
            "of the timeout is the mean processing time",
        ),
    )
    return [f"{value:.0f}% {reason}" for value, limit, reason in arms if value is not None and value > limit]


def _is_comparable(state: QueueState) -> bool:
    """Whether what is known can say that there is no backpressure: a limit that no depth is known for says nothing."""
    if state.limit is not None:
        return state.depth is not None
    return state.depth is not None or bool(state.workers) or state.mean_s is not None


def _left_out(queues: Sequence[QueueSummary]) -> dict[str, str]:
    """Why a sum is not known, or which queues it leaves out."""
    names = {"depth": "current_depth", "backpressure_detected": "backpressure_detected"}
    return {
        total: "; ".join(f"{queue['destination']}: {queue['not_measured'][key]}" for queue in missing)
        for key, total in names.items()
        if (missing := [queue for queue in queues if key in queue["not_measured"]])
    }


def _sum(depths: Iterable[int | None]) -> int | None:
    """Of those that are known; None if none is, though there are some."""
    every = list(depths)
    measured = [depth for depth in every if depth is not None]
    return sum(measured) if measured or not every else None


def _any(claims: Iterable[bool | None]) -> bool | None:
    """True if one is true, else None if one is not known."""
    every = list(claims)
    return True if True in every else None if None in every else False


def _added(counts: Iterable[Mapping[str, int] | None]) -> Mapping[str, int]:
    sums: Counter[str] = Counter()
    for count in counts:
        sums.update(count or {})
    return sums


def _utilisation_of_all(states: Sequence[QueueState]) -> float | None:
    busy_of_all = [
        (state.busy, state.workers) for state in states if state.busy is not None and state.workers is not None
    ]
    if states and not busy_of_all:
        return None
    return _percent(sum(busy for busy, _ in busy_of_all), sum(workers for _, workers in busy_of_all)) or 0.0


def _mean_of_all(states: Sequence[QueueState]) -> float | None:
    timed = [(state.mean_s, max(1, state.processed)) for state in states if state.mean_s is not None]
    return sum(mean_s * count for mean_s, count in timed) / sum(count for _, count in timed) if timed else None


def _percent(part: float | None, whole: float | None) -> float | None:
    """None where either is not known, or nothing is the whole."""
    return 100 * part / whole if part is not None and whole else None
