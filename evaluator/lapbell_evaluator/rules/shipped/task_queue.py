"""Queues and workers: depth, processing time, utilisation, backpressure, by destination.

The service is no part of a queue's identity: an app and its worker both know the queue, and whichever of them may ask
Redis reports its depth. With `job` in it, a deploy would end one alert without evidence and begin another.
"""

from collections.abc import Callable
from itertools import starmap
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.histograms import mean
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, rule, threshold_rules
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "task_queue"
_DESTINATION: Final = label(semconv.MESSAGING_DESTINATION_NAME)
_QUEUE: Final = f"{label(semconv.MESSAGING_SYSTEM)}, {_DESTINATION}"
_BY: Final = f"by ({_QUEUE})"
_MESSAGES: Final = metric(semconv.MESSAGING_QUEUE_MESSAGES)
_WORKERS: Final = metric(semconv.MESSAGING_WORKER_COUNT)
_PROCESS: Final = metric(semconv.MESSAGING_PROCESS_DURATION, SECONDS)

_LIMIT: Final = metric(semconv.MESSAGING_QUEUE_LIMIT)
_TIMEOUT: Final = metric(semconv.MESSAGING_PROCESS_TIMEOUT, SECONDS)
_READY: Final = f'{label(semconv.MESSAGING_QUEUE_MESSAGE_STATE)}="{semconv.QUEUE_READY}"'
_BUSY: Final = f'{label(semconv.MESSAGING_WORKER_STATE)}="{semconv.WORKER_BUSY}"'
_AT: Final = f"{{{{ $labels.{_DESTINATION} }}}}"


def rules(thresholds: Thresholds) -> tuple[Rule, ...]:
    """TaskQueueDepth, TaskProcessingTime, WorkerUtilization and TaskQueueBackpressure."""
    return (
        *threshold_rules(
            "TaskQueueDepth",
            _CATEGORY,
            f"  {_depth()}",
            ((WARNING, thresholds.task_queue_depth_warning), (CRITICAL, thresholds.task_queue_depth_critical)),
            summary=f'{{{{ printf "%.0f" $value }}}} tasks wait in {_AT}',
            description=(f'{{{{ printf "%.0f" $value }}}} tasks wait in {_AT}; the threshold is THRESHOLD.'),
        ),
        *threshold_rules(
            "TaskProcessingTime",
            _CATEGORY,
            f"  {_mean()}",
            ((WARNING, thresholds.task_processing_time_warning), (CRITICAL, thresholds.task_processing_time_critical)),
            summary=f"Tasks of {_AT} take {{{{ humanizeDuration $value }}}}",
            description=(
                f"A task from {_AT} takes {{{{ humanizeDuration $value }}}} on average over 5 minutes;"
                " the threshold is THRESHOLDs."
            ),
        ),
        *threshold_rules(
            "WorkerUtilization",
            _CATEGORY,
            f"  {_utilisation()}",
            ((WARNING, thresholds.worker_utilization_warning), (CRITICAL, thresholds.worker_utilization_critical)),
            summary=f'{{{{ printf "%.0f" $value }}}}% of the workers of {_AT} are busy',
            description=(
                f'{{{{ printf "%.1f" $value }}}}% of the workers of {_AT} were busy over'
                " the last minute; the threshold is THRESHOLD%."
            ),
        ),
        _backpressure(),
    )


def _select(name: str, matchers: str) -> str:
    """A selector; matchers may begin with a comma."""
    inside = matchers.lstrip(",")
    return f"{name}{{{inside}}}" if inside else name


def _depth(where: str = "") -> str:
    """Ready messages: the same key reported by several workers counts once, priorities add up."""
    by = f"{_QUEUE}, {label(semconv.MESSAGING_QUEUE_PRIORITY)}"
    return f"sum {_BY} (max by ({by}) ({_select(_MESSAGES, _READY + where)}))"


def _mean(where: str = "") -> str:
    return mean(_PROCESS, _QUEUE, "5m", _select("", where))


def _utilisation(where: str = "") -> str:
    """The busy share, once workers were there for half a minute: the first look may meet one that has just begun."""
    workers = _select(_WORKERS, where)
    busy, every = (
        f"sum {_BY} (avg_over_time({_select(_WORKERS, each)}[1m]))" for each in (_BUSY + where, where.lstrip(","))
    )
    return f"(100 * {busy} / {every} and max {_BY} ({workers} offset 30s))"


def _filling(where: str = "") -> str:
    return f"100 * {_depth(where)} / (max {_BY} ({_select(_LIMIT, where)}) > 0)"


def _slowness(where: str = "") -> str:
    return f"100 * {_mean(where)} / (max {_BY} ({_select(_TIMEOUT, where)}) > 0)"


_ARMS: Final = (
    (_filling, semconv.BACKPRESSURE_DEPTH, "of the limit wait"),
    (_utilisation, semconv.BACKPRESSURE_WORKERS, "of the workers are busy"),
    (_slowness, semconv.BACKPRESSURE_TIME, "of the timeout is the mean processing time"),
)


def _backpressure() -> Rule:
    return rule(
        "TaskQueueBackpressure",
        _CATEGORY,
        WARNING,
        "\nor\n".join(f"  ({value()} > {limit})" for value, limit, _ in _ARMS),
        summary=f"{_AT} falls behind",
        description=f"The workers of {_AT} fall behind:{''.join(starmap(_said, _ARMS))}",
        recovery_expr="\nor\n".join(f"  ({value()})" for value, _, _ in _ARMS),
    )


def _said(value: Callable[[str], str], limit: int, words: str) -> str:
    """The part of the description that speaks of one arm, if it is over its limit."""
    here = value(f",{_DESTINATION}=%[1]q")
    query = f"query (printf `{here} > {limit}` $labels.{_DESTINATION})"
    return f'{{{{ range {query} }}}} {{{{ printf "%.0f" .Value }}}}% {words};{{{{ end }}}}'
