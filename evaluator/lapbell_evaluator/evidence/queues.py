"""What waits in a queue, by priority, and what its workers do, by task."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.questions import (
    number,
    seconds_of,
    selector,
    sum_of,
    sum_of_counts,
    sum_of_seconds,
)
from lapbell_evaluator.model import PriorityDepth, QueueEvidence, TaskShare
from lapbell_evaluator.model.prometheus_names import label, metric
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["queue_evidence"]

_WINDOW_S: Final = 300
_SHOWN: Final = 5
_LEAST: Final = 0.5  # of a task: increase() extrapolates
_QUEUE: Final = (label(semconv.MESSAGING_SYSTEM), label(semconv.MESSAGING_DESTINATION_NAME))
_PRIORITY: Final = label(semconv.MESSAGING_QUEUE_PRIORITY)
_TASK: Final = label(semconv.MESSAGING_OPERATION_NAME)
_ERROR: Final = label(semconv.ERROR_TYPE)
_READY: Final = f'{label(semconv.MESSAGING_QUEUE_MESSAGE_STATE)}="{semconv.QUEUE_READY}"'
_BUSY: Final = f'{label(semconv.MESSAGING_WORKER_STATE)}="{semconv.WORKER_BUSY}"'
_MESSAGES: Final = metric(semconv.MESSAGING_QUEUE_MESSAGES)
_OLDEST: Final = seconds_of(semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE)
_PROCESS: Final = seconds_of(semconv.MESSAGING_PROCESS_DURATION)
_WORKERS: Final = metric(semconv.MESSAGING_WORKER_COUNT)


async def queue_evidence(querier: InstantQuerier, labels: Mapping[str, str], at: float) -> QueueEvidence:
    """What the queue that an alert's labels name holds, and what became of its tasks within five minutes.

    Args:
        querier: where the metrics are.
        labels: of the alert.
        at: Unix seconds of now.
    """
    named = {name: labels[name] for name in _QUEUE if labels.get(name)}
    priorities, tasks, workers, busy = await asyncio.gather(
        _priorities(querier, named, at),
        _tasks(querier, named, at),
        number(querier, _present(selector(named), selector(named)), at),
        number(querier, _present(selector(named, _BUSY), selector(named)), at),
    )
    return QueueEvidence(priorities, tasks, workers, busy)


def _present(which: str, every: str) -> str:
    """Workers that reported within a minute; 0 if some did within half an hour: one that was killed says nothing."""
    return f"sum(last_over_time({_WORKERS}{which}[1m])) or 0 * max(max_over_time({_WORKERS}{every}[30m]))"


async def _priorities(querier: InstantQuerier, named: Mapping[str, str], at: float) -> tuple[PriorityDepth, ...]:
    """Several processes may report the same queue: each priority counts once."""
    ready, oldest = await asyncio.gather(
        sum_of(querier, f"max by ({_PRIORITY}) ({_MESSAGES}{selector(named, _READY)})", (_PRIORITY,), at),
        sum_of(querier, f"max by ({_PRIORITY}) ({_OLDEST}{selector(named)})", (_PRIORITY,), at),
    )
    depths = (PriorityDepth(key[0], count, oldest.get(key)) for key, count in ready.items())
    return tuple(sorted(depths, key=lambda depth: (-depth.ready, -(depth.oldest_s or 0.0), depth.priority)))


async def _tasks(querier: InstantQuerier, named: Mapping[str, str], at: float) -> tuple[TaskShare, ...]:
    counts, seconds = await asyncio.gather(
        sum_of_counts(querier, _PROCESS, (_TASK, _ERROR), selector(named), _WINDOW_S, at),
        sum_of_seconds(querier, _PROCESS, (_TASK,), selector(named), _WINDOW_S, at),
    )
    by_task: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (task, error_type), count in counts.items():
        if count >= _LEAST:
            by_task[task][error_type] = count
    total = sum(seconds.values())
    tasks = (_task(task, by_error, seconds.get((task,), 0.0), total) for task, by_error in by_task.items())
    return tuple(sorted(tasks, key=lambda task: (-task.failed, -task.share, task.task)))[:_SHOWN]


def _task(task: str, by_error: Mapping[str, float], spent_s: float, total_s: float) -> TaskShare:
    failures = {error_type: count for error_type, count in by_error.items() if error_type}
    count = sum(by_error.values())
    return TaskShare(
        task=task,
        share=spent_s / total_s if total_s > 0 else 0.0,
        mean_s=spent_s / count,
        count=count,
        failed=sum(failures.values()),
        error_type=max(failures, key=lambda error_type: (failures[error_type], error_type), default=""),
    )
