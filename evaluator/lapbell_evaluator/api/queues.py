"""The queue summary: depth by priority, workers, processing time, failures, backpressure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from lapbell import semconv
from lapbell_evaluator.api.ask import Ask, Numbers, quantile, ratio
from lapbell_evaluator.api.last_readings import LOOKBACK, TOGETHER_S, LastReadings, age_s, questions
from lapbell_evaluator.api.schemas import QueueSummary, Span, TaskQueue
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric

__all__ = ["task_queue"]

Number = TypeVar("Number", int, float)

_SYSTEM: Final = label(semconv.MESSAGING_SYSTEM)
_DESTINATION: Final = label(semconv.MESSAGING_DESTINATION_NAME)
_PRIORITY: Final = label(semconv.MESSAGING_QUEUE_PRIORITY)
_MESSAGE_STATE: Final = label(semconv.MESSAGING_QUEUE_MESSAGE_STATE)
_WORKER_STATE: Final = label(semconv.MESSAGING_WORKER_STATE)
_ERROR: Final = label(semconv.ERROR_TYPE)
_MESSAGES: Final = label(semconv.MESSAGING_QUEUE_MESSAGES)
_OLDEST: Final = metric(semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE, SECONDS)
_LIMIT: Final = label(semconv.MESSAGING_QUEUE_LIMIT)
_WORKERS: Final = label(semconv.MESSAGING_WORKER_COUNT)
_PROCESS: Final = metric(semconv.MESSAGING_PROCESS_DURATION, SECONDS)
_RUNNING: Final = metric(semconv.MESSAGING_PROCESS_OLDEST_AGE, SECONDS)
_TIMEOUT: Final = metric(semconv.MESSAGING_PROCESS_TIMEOUT, SECONDS)
_QUEUE: Final = (_SYSTEM, _DESTINATION)
_BY_QUEUE: Final = ", ".join(_QUEUE)

_NO_DEPTH: Final = f"no process has read its depth within {LOOKBACK}: can it be reached, is it in setup(queues=[...])?"
_NO_WORKERS: Final = f"no process has said within {LOOKBACK} that it has workers: queue.work() says so"
_NO_TASKS: Final = "no process has reported tasks in the window: queue.process() around each measures them"
_NO_TASKS_ENDED: Final = "no task has ended in the window"
_NO_QUEUE: Final = f"no queue was reported within {LOOKBACK}"


@dataclass(frozen=True, slots=True)
class _Answers:
    """One answer for each question, by queue.

    Messages also by state and priority, ages by priority, workers by state.
    """

    limits: Numbers
    timeouts: Numbers
    utilisation: Numbers
    seconds: Numbers
    counts: Numbers
    failures: Numbers  # also by type of the error
    p95: Numbers
    messages: LastReadings
    oldest: LastReadings
    workers: LastReadings
    running: LastReadings
    now: float

    @property
    def queues(self) -> list[tuple[str, ...]]:
        """Every queue that any answer speaks of."""
        numbers = (self.limits, self.timeouts, self.counts)
        readings = (self.messages.keys, self.workers.keys)
        return sorted({key[: len(_QUEUE)] for keys in (*numbers, *readings) for key in keys})


async def task_queue(ask: Ask) -> TaskQueue:
    """Everything that metrics tell about the queues of a scope.

    Several processes and services may report one queue: of its depth the newest reading counts, workers are summed.
    """
    answers = await _asked(ask)
    queues = [_queue(key, answers) for key in answers.queues]
    return _totals(ask, queues, sum(answers.seconds.values()), sum(answers.counts.values()))


async def _asked(ask: Ask) -> _Answers:
    busy = f'{_WORKERS}{{{_WORKER_STATE}="{semconv.WORKER_BUSY}",$s}}[1m]'
    limits, timeouts, utilisation, seconds, counts, failures, p95, *readings = await ask.all(
        {
            f"max by ({_BY_QUEUE}) (last_over_time({_LIMIT}{{$s}}[{LOOKBACK}]))": _QUEUE,
            f"max by ({_BY_QUEUE}) (last_over_time({_TIMEOUT}{{$s}}[{LOOKBACK}]))": _QUEUE,
            f"sum by ({_BY_QUEUE}) (avg_over_time({busy})) "
            f"/ sum by ({_BY_QUEUE}) (avg_over_time({_WORKERS}{{$s}}[1m]))": _QUEUE,
            f"sum by ({_BY_QUEUE}) (increase({_PROCESS}_sum{{$s}}[$w] anchored))": _QUEUE,
            f"sum by ({_BY_QUEUE}) (increase({_PROCESS}_count{{$s}}[$w] anchored))": _QUEUE,
            f'sum by ({_BY_QUEUE}, {_ERROR}) (increase({_PROCESS}_count{{{_ERROR}!="",$s}}[$w] anchored))': (
                *_QUEUE,
                _ERROR,
            ),
            quantile(0.95, _PROCESS, f"{_BY_QUEUE}, le"): _QUEUE,
            **questions(_MESSAGES, "$s", (*_QUEUE, _MESSAGE_STATE, _PRIORITY)),
            **questions(_OLDEST, "$s", (*_QUEUE, _PRIORITY)),
            **questions(_WORKERS, "$s", (*_QUEUE, _WORKER_STATE)),
            **questions(_RUNNING, "$s", _QUEUE),
        }
    )
    messages, oldest, workers, running = (LastReadings(*readings[at : at + 2]) for at in range(0, len(readings), 2))
    return _Answers(
        limits,
        timeouts,
        utilisation,
        seconds,
        counts,
        failures,
        p95,
        messages,
        oldest,
        workers,
        running,
        ask.scope.end,
    )


def _queue(key: tuple[str, ...], answers: _Answers) -> QueueSummary:
    messages = answers.messages.latest(key)
    ready = {priority: count for (state, priority), count in messages.items() if state == semconv.QUEUE_READY}
    depth_age = age_s(answers.messages.newest((*key, semconv.QUEUE_READY)), answers.now)
    depth = None if depth_age is None else sum(ready.values())
    workers_age = age_s(answers.workers.newest(key), answers.now)
    tasks, share = answers.counts.get(key), answers.utilisation.get(key)
    average = None if tasks is None else ratio(answers.seconds.get(key, 0.0), tasks)
    failures = {of[-1]: round(failed) for of, failed in sorted(answers.failures.items()) if of[:-1] == key and failed}
    limit, timeout = answers.limits.get(key), answers.timeouts.get(key)
    present = depth if depth_age is not None and depth_age <= TOGETHER_S else None
    reasons = _backpressure(present, limit, share, average, timeout)
    detected = bool(reasons) if reasons or _is_comparable(present, limit, share, average) else None
    running = answers.running.greatest(key)
    missing = {
        "depth": _NO_DEPTH if depth is None else None,
        "workers": _NO_WORKERS if workers_age is None else None,
        "worker_utilization": _why_no_utilisation(workers_age) if share is None else None,
        "processed_tasks": _NO_TASKS if tasks is None else None,
        "average_processing_time": _why_no_average(tasks) if average is None else None,
        "oldest_task_age": _NO_TASKS if running is None else None,
        "backpressure_detected": _why_no_depth(depth_age) if detected is None else None,
    }
    return QueueSummary(
        system=key[0],
        destination=key[1],
        depth=depth,
        depth_by_priority=ready,
        depth_age=depth_age,
        messages_by_state=_by_state(messages),
        oldest_message_age={priority: age for (priority,), age in answers.oldest.latest(key).items()},
        limit=limit,
        worker_utilization=None if share is None else 100 * share,
        workers={state: count for (state,), count in answers.workers.summed(key).items()},
        workers_age=workers_age,
        average_processing_time=average,
        p95_processing_time=answers.p95.get(key),
        oldest_task_age=running,
        timeout=timeout,
        processed_tasks=None if tasks is None else round(tasks),
        failed_tasks=None if tasks is None else sum(failures.values()),
        failures_by_error_type=failures,
        backpressure_detected=detected,
        backpressure_reasons=reasons,
        not_measured={name: why for name, why in missing.items() if why is not None},
    )


def _by_state(messages: Mapping[tuple[str, ...], float]) -> dict[str, float]:
    """Messages by state, of all priorities."""
    sums: dict[str, float] = {}
    for (state, _), count in messages.items():
        sums[state] = sums.get(state, 0.0) + count
    return sums


def _why_no_depth(depth_age: float | None) -> str:
    return _NO_DEPTH if depth_age is None else f"its depth was last read {depth_age:.0f} s ago"


def _why_no_utilisation(workers_age: float | None) -> str:
    if workers_age is None:
        return _NO_WORKERS
    if workers_age > TOGETHER_S:
        return f"its workers were last seen {workers_age:.0f} s ago"
    return "it has no workers"


def _why_no_average(tasks: float | None) -> str:
    return _NO_TASKS if tasks is None else _NO_TASKS_ENDED


def _backpressure(
    depth: float | None, limit: float | None, utilization: float | None, average: float | None, timeout: float | None
) -> list[str]:
    """The seed's three arms that are met."""
    arms = []
    if depth is not None and limit is not None and 100 * depth > semconv.BACKPRESSURE_DEPTH * limit:
        arms.append("depth")
    if utilization is not None and 100 * utilization > semconv.BACKPRESSURE_WORKERS:
        arms.append("utilization")
    if average is not None and timeout is not None and 100 * average > semconv.BACKPRESSURE_TIME * timeout:
        arms.append("processing_time")
    return arms


def _is_comparable(depth: float | None, limit: float | None, utilization: float | None, average: float | None) -> bool:
    """Whether what is known can say that there is no backpressure: a limit that no depth is known for says nothing."""
    if limit is not None:
        return depth is not None
    return depth is not None or utilization is not None or average is not None


def _totals(ask: Ask, queues: list[QueueSummary], seconds: float, count: float) -> TaskQueue:
    by_priority: dict[str, float] = {}
    for queue in queues:
        for priority, depth in queue.depth_by_priority.items():
            by_priority[priority] = by_priority.get(priority, 0.0) + depth
    workers = [(queue.worker_utilization, sum(queue.workers.values())) for queue in queues]
    measured = [(percent, count) for percent, count in workers if percent is not None]
    detected = [queue.backpressure_detected for queue in queues]
    unknown = None if None in detected or not queues else False
    return TaskQueue(
        service=ask.scope.service,
        window=Span(start=ask.scope.start, end=ask.scope.end),
        current_depth=_sum([queue.depth for queue in queues]),
        depth_by_priority=by_priority,
        depth_age=max((queue.depth_age for queue in queues if queue.depth_age is not None), default=None),
        backpressure_detected=True if True in detected else unknown,
        current_worker_utilization=ratio(
            sum(percent * count for percent, count in measured), sum(count for _, count in measured)
        ),
        average_processing_time=ratio(seconds, count),
        processed_tasks=_sum([queue.processed_tasks for queue in queues]),
        failed_tasks=_sum([queue.failed_tasks for queue in queues]),
        queues=queues,
        not_measured=_left_out(queues),
    )


_TOTALS: Final = {
    "depth": "current_depth",
    "worker_utilization": "current_worker_utilization",
    "processed_tasks": "processed_tasks",
    "average_processing_time": "average_processing_time",
    "backpressure_detected": "backpressure_detected",
}
"""The sum that a value of a queue goes into."""


def _left_out(queues: Sequence[QueueSummary]) -> dict[str, str]:
    """Why a sum is not known, or which queues it leaves out."""
    if not queues:
        return dict.fromkeys(_TOTALS.values(), _NO_QUEUE)
    return {
        total: "; ".join(f"{queue.destination}: {queue.not_measured[name]}" for queue in missing)
        for name, total in _TOTALS.items()
        if (missing := [queue for queue in queues if name in queue.not_measured])
    }


def _sum(counts: Sequence[Number | None]) -> Number | None:
    """Of those that are known; None if none is."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
