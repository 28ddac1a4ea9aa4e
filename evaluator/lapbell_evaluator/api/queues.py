"""The queue summary: depth by priority, workers, processing time, backpressure."""

from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.api.ask import Ask, Numbers, quantile, ratio
from lapbell_evaluator.api.schemas import QueueSummary, Span, TaskQueue
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["task_queue"]

_SYSTEM: Final = label(semconv.MESSAGING_SYSTEM)
_DESTINATION: Final = label(semconv.MESSAGING_DESTINATION_NAME)
_PRIORITY: Final = label(semconv.MESSAGING_QUEUE_PRIORITY)
_MESSAGE_STATE: Final = label(semconv.MESSAGING_QUEUE_MESSAGE_STATE)
_WORKER_STATE: Final = label(semconv.MESSAGING_WORKER_STATE)
_ERROR: Final = label(semconv.ERROR_TYPE)
_MESSAGES: Final = label(semconv.MESSAGING_QUEUE_MESSAGES)
_LIMIT: Final = label(semconv.MESSAGING_QUEUE_LIMIT)
_WORKERS: Final = label(semconv.MESSAGING_WORKER_COUNT)
_PROCESS: Final = metric(semconv.MESSAGING_PROCESS_DURATION, SECONDS)
_TIMEOUT: Final = metric(semconv.MESSAGING_PROCESS_TIMEOUT, SECONDS)
_QUEUE: Final = (_SYSTEM, _DESTINATION)
_BY_QUEUE: Final = ", ".join(_QUEUE)


@dataclass(frozen=True, slots=True)
class _Answers:
    """One answer for each question, by queue; depths also by priority, workers also by state."""

    depths: Numbers
    limits: Numbers
    workers: Numbers
    seconds: Numbers
    counts: Numbers
    failures: Numbers
    p95: Numbers
    timeouts: Numbers

    @property
    def queues(self) -> list[tuple[str, ...]]:
        """Every queue that any answer speaks of."""
        sources = (self.depths, self.limits, self.workers, self.counts, self.timeouts)
        return sorted({key[: len(_QUEUE)] for numbers in sources for key in numbers})


async def task_queue(ask: Ask) -> TaskQueue:
    """Everything that metrics tell about the queues of a scope.

    Several processes and services may report one queue: the greatest depth is taken, workers are summed.
    """
    answers = _Answers(
        *await ask.all(
            {
                f'max by ({_BY_QUEUE}, {_PRIORITY}) ({_MESSAGES}{{{_MESSAGE_STATE}="{semconv.QUEUE_READY}",$s}})': (
                    *_QUEUE,
                    _PRIORITY,
                ),
                f"max by ({_BY_QUEUE}) ({_LIMIT}{{$s}})": _QUEUE,
                f"sum by ({_BY_QUEUE}, {_WORKER_STATE}) (avg_over_time({_WORKERS}{{$s}}[1m]))": (
                    *_QUEUE,
                    _WORKER_STATE,
                ),
                f"sum by ({_BY_QUEUE}) (increase({_PROCESS}_sum{{$s}}[$w] anchored))": _QUEUE,
                f"sum by ({_BY_QUEUE}) (increase({_PROCESS}_count{{$s}}[$w] anchored))": _QUEUE,
                f'sum by ({_BY_QUEUE}) (increase({_PROCESS}_count{{{_ERROR}!="",$s}}[$w] anchored))': _QUEUE,
                quantile(0.95, _PROCESS, f"{_BY_QUEUE}, le"): _QUEUE,
                f"max by ({_BY_QUEUE}) ({_TIMEOUT}{{$s}})": _QUEUE,
            }
        )
    )
    queues = [_queue(key, answers) for key in answers.queues]
    return _totals(ask, queues, sum(answers.seconds.values()), sum(answers.counts.values()))


def _inner(numbers: Numbers, key: tuple[str, ...]) -> dict[str, float]:
    return {own[-1]: value for own, value in sorted(numbers.items()) if own[:-1] == key}


def _queue(key: tuple[str, ...], answers: _Answers) -> QueueSummary:
    depths, workers = _inner(answers.depths, key), _inner(answers.workers, key)
    count = answers.counts.get(key, 0.0)
    average = ratio(answers.seconds.get(key, 0.0), count)
    utilization = ratio(workers.get(semconv.WORKER_BUSY, 0.0), sum(workers.values()))
    depth, limit, timeout = sum(depths.values()), answers.limits.get(key), answers.timeouts.get(key)
    return QueueSummary(
        system=key[0],
        destination=key[1],
        depth=depth,
        depth_by_priority=depths,
        limit=limit,
        worker_utilization=None if utilization is None else 100 * utilization,
        workers=workers,
        average_processing_time=average,
        p95_processing_time=answers.p95.get(key),
        timeout=timeout,
        processed_tasks=round(count),
        failed_tasks=round(answers.failures.get(key, 0.0)),
        backpressure_reasons=_backpressure(depth, limit, utilization, average, timeout),
    )


def _backpressure(
    depth: float, limit: float | None, utilization: float | None, average: float | None, timeout: float | None
) -> list[str]:
    """The seed's three arms that are met."""
    arms = []
    if limit is not None and 100 * depth > semconv.BACKPRESSURE_DEPTH * limit:
        arms.append("depth")
    if utilization is not None and 100 * utilization > semconv.BACKPRESSURE_WORKERS:
        arms.append("utilization")
    if average is not None and timeout is not None and 100 * average > semconv.BACKPRESSURE_TIME * timeout:
        arms.append("processing_time")
    return arms


def _totals(ask: Ask, queues: list[QueueSummary], seconds: float, count: float) -> TaskQueue:
    by_priority: dict[str, float] = {}
    for queue in queues:
        for priority, depth in queue.depth_by_priority.items():
            by_priority[priority] = by_priority.get(priority, 0.0) + depth
    busy = sum(queue.workers.get(semconv.WORKER_BUSY, 0.0) for queue in queues)
    utilization = ratio(busy, sum(sum(queue.workers.values()) for queue in queues))
    return TaskQueue(
        service=ask.scope.service,
        window=Span(start=ask.scope.start, end=ask.scope.end),
        current_depth=sum(by_priority.values()),
        depth_by_priority=by_priority,
        backpressure_detected=any(queue.backpressure_reasons for queue in queues),
        current_worker_utilization=None if utilization is None else 100 * utilization,
        average_processing_time=ratio(seconds, count),
        processed_tasks=sum(queue.processed_tasks for queue in queues),
        failed_tasks=sum(queue.failed_tasks for queue in queues),
        queues=queues,
    )
