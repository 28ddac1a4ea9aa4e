"""Queues and their tasks: depth, age, processing time, utilisation, backpressure, failures, by destination.

The service is no part of a queue's identity: an app and its worker both know the queue, and whichever of them may ask
Redis reports its depth. With `job` in it, a deploy would end one alert without evidence and begin another.
"""

from collections.abc import Iterator
from typing import Final

from lapbell import semconv
from lapbell.semconv import REQUEST_BOUNDS_S
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.histograms import mean
from lapbell_evaluator.rules.shipped.counting import Measured
from lapbell_evaluator.rules.shipped.shares import Share, share_alert
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, number, record, rule, threshold_rules
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "task_queue"
_LEVEL: Final = "system_destination"
_DESTINATION: Final = label(semconv.MESSAGING_DESTINATION_NAME)
_PRIORITY: Final = label(semconv.MESSAGING_QUEUE_PRIORITY)
_STATE: Final = label(semconv.MESSAGING_QUEUE_MESSAGE_STATE)
_QUEUE: Final = f"{label(semconv.MESSAGING_SYSTEM)}, {_DESTINATION}"
_BY: Final = f"by ({_QUEUE})"
_BY_PRIORITY: Final = f"by ({_QUEUE}, {_PRIORITY})"
_MESSAGES: Final = metric(semconv.MESSAGING_QUEUE_MESSAGES)
_AGE: Final = metric(semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE, SECONDS)
_LIMIT: Final = metric(semconv.MESSAGING_QUEUE_LIMIT)
_WORKERS: Final = metric(semconv.MESSAGING_WORKER_COUNT)
_PROCESS: Final = metric(semconv.MESSAGING_PROCESS_DURATION, SECONDS)
_TIMEOUT: Final = metric(semconv.MESSAGING_PROCESS_TIMEOUT, SECONDS)
_READY: Final = f'{_MESSAGES}{{{_STATE}="{semconv.QUEUE_READY}"}}'
_DEAD: Final = f'{_MESSAGES}{{{_STATE}="{semconv.QUEUE_DEAD}"}}'
_BUSY: Final = f'{_WORKERS}{{{label(semconv.MESSAGING_WORKER_STATE)}="{semconv.WORKER_BUSY}"}}'
_AT: Final = f"{{{{ $labels.{_DESTINATION} }}}}"
_SHARE: Final = '{{ printf "%.1f" $value }}%'

_DEPTH: Final = f"{_LEVEL}:messages_ready:sum"
_MEAN: Final = f"{_LEVEL}:task_seconds:mean5m"
_UTILISATION: Final = f"{_LEVEL}:workers:percent_busy1m"
_OLDEST: Final = f"{_LEVEL}_priority:oldest_message_seconds:max"


def rules(thresholds: Thresholds) -> Iterator[Rule]:
    """TaskQueueDepth, -Age and -Backpressure, TaskProcessingTime, TaskFailureRate and WorkerUtilization."""
    yield from _depth(thresholds)
    yield from _age(thresholds)
    yield from _processing_time(thresholds)
    yield from _utilisation(thresholds)
    yield from _failure_rate(thresholds)
    yield from _backpressure()


def _depth(thresholds: Thresholds) -> Iterator[Rule]:
    """Ready messages: the same key reported by several processes counts once, priorities add up."""
    yield record(_DEPTH, f"sum {_BY} (max {_BY_PRIORITY} ({_READY}))")
    yield from threshold_rules(
        "TaskQueueDepth",
        _CATEGORY,
        _DEPTH,
        ((WARNING, thresholds.task_queue_depth_warning), (CRITICAL, thresholds.task_queue_depth_critical)),
        summary=f'{{{{ printf "%.0f" $value }}}} tasks wait in {_AT}',
        description=f'{{{{ printf "%.0f" $value }}}} tasks wait in {_AT}; the threshold is THRESHOLD.',
    )


def _age(thresholds: Thresholds) -> Iterator[Rule]:
    """A priority without messages has an age of 0, whether or not its reporter says so."""
    unwatched = "|".join(thresholds.task_queue_age_unwatched)
    watched = f'{_PRIORITY}!~"{unwatched}"' if unwatched else ""
    selected = f"{_AGE}{{{watched}}}" if watched else _AGE
    ready = f'{_MESSAGES}{{{_STATE}="{semconv.QUEUE_READY}"{f",{watched}" if watched else ""}}}'
    yield record(_OLDEST, f"max {_BY_PRIORITY} ({selected})\nor max {_BY_PRIORITY} ({ready}) == 0")
    yield from threshold_rules(
        "TaskQueueAge",
        _CATEGORY,
        _OLDEST,
        ((WARNING, thresholds.task_queue_age_warning), (CRITICAL, thresholds.task_queue_age_critical)),
        summary=f"A task waits in {_AT} for {{{{ humanizeDuration $value }}}}",
        description=(
            f"The oldest task of {_AT}{{{{ with $labels.{_PRIORITY} }}}} with the priority {{{{ . }}}}{{{{ end }}}}"
            " has waited for {{ humanizeDuration $value }}; the threshold is THRESHOLDs."
        ),
    )


def _processing_time(thresholds: Thresholds) -> Iterator[Rule]:
    yield record(_MEAN, mean(_PROCESS, _QUEUE, "5m"))
    yield from threshold_rules(
        "TaskProcessingTime",
        _CATEGORY,
        _MEAN,
        ((WARNING, thresholds.task_processing_time_warning), (CRITICAL, thresholds.task_processing_time_critical)),
        summary=f"Tasks of {_AT} take {{{{ humanizeDuration $value }}}}",
        description=(
            f"A task from {_AT} takes {{{{ humanizeDuration $value }}}} on average over 5 minutes;"
            " the threshold is THRESHOLDs."
        ),
    )


def _utilisation(thresholds: Thresholds) -> Iterator[Rule]:
    """The busy share, once workers were there for half a minute: the first look may meet one that has just begun."""
    busy, every = (f"sum {_BY} (avg_over_time({workers}[1m]))" for workers in (_BUSY, _WORKERS))
    yield record(_UTILISATION, f"100 * {busy} / {every}\nand max {_BY} ({_WORKERS} offset 30s)")
    yield from threshold_rules(
        "WorkerUtilization",
        _CATEGORY,
        _UTILISATION,
        ((WARNING, thresholds.worker_utilization_warning), (CRITICAL, thresholds.worker_utilization_critical)),
        summary=f'{{{{ printf "%.0f" $value }}}}% of the workers of {_AT} are busy',
        description=(f"{_SHARE} of the workers of {_AT} were busy over the last minute; the threshold is THRESHOLD%."),
    )


def _failure_rate(thresholds: Thresholds) -> Iterator[Rule]:
    """Failed tasks, or the messages that were given up, where those are more."""
    tasks = Share(
        _LEVEL,
        "tasks",
        Measured(_PROCESS, _QUEUE, REQUEST_BOUNDS_S),
        thresholds.outliers_by_chance,
        elsewhere=_given_up,
    )
    failed = tasks.failed(f'{label(semconv.ERROR_TYPE)}!=""')
    yield from tasks.recordings()
    yield from failed.recordings()
    for severity, percent in (
        (WARNING, thresholds.task_failure_rate_warning),
        (CRITICAL, thresholds.task_failure_rate_critical),
    ):
        yield share_alert(
            "TaskFailureRate",
            _CATEGORY,
            severity,
            failed,
            percent,
            summary=f"{_SHARE} of the tasks of {_AT} fail",
            description=(
                f"{_SHARE} of the tasks of {_AT} within the last minute failed, or were given up as dead letters;"
                f" the threshold is {number(percent)}%."
            ),
        )


def _given_up(window: str) -> str:
    """By how many the dead letters of a queue grew."""
    now, before = (
        f"sum {_BY} (max {_BY_PRIORITY} ({_DEAD}))",
        f"sum {_BY} (max {_BY_PRIORITY} ({_DEAD} offset {window}))",
    )
    return f"{now} - {before} > 0"


_ARMS: Final = (
    (f"{_LEVEL}:messages_ready:percent_of_limit", semconv.BACKPRESSURE_DEPTH, "of the limit wait"),
    (_UTILISATION, semconv.BACKPRESSURE_WORKERS, "of the workers are busy"),
    (
        f"{_LEVEL}:task_seconds:percent_of_timeout",
        semconv.BACKPRESSURE_TIME,
        "of the timeout is the mean processing time",
    ),
)


def _backpressure() -> Iterator[Rule]:
    (filling, *_), _, (slowness, *_) = _ARMS
    yield record(filling, f"100 * {_DEPTH} / (max {_BY} ({_LIMIT}) > 0)")
    yield record(slowness, f"100 * {_MEAN} / (max {_BY} ({_TIMEOUT}) > 0)")
    yield rule(
        "TaskQueueBackpressure",
        _CATEGORY,
        WARNING,
        "\nor ".join(f"{value} > {limit}" for value, limit, _ in _ARMS),
        summary=f"{_AT} falls behind",
        description=f"The workers of {_AT} fall behind:{''.join(_arm_text(*arm) for arm in _ARMS)}",
        recovery_expr=" or ".join(value for value, _, _ in _ARMS),
    )


def _arm_text(value: str, limit: int, meaning: str) -> str:
    """The part of the description that speaks of one arm, if it is over its limit."""
    is_this = f"eq .Labels.{_DESTINATION} $labels.{_DESTINATION}"
    text = f'{{{{ printf "%.0f" .Value }}}}% {meaning};'
    return f'{{{{ range query "{value} > {limit}" }}}}{{{{ if {is_this} }}}} {text}{{{{ end }}}}{{{{ end }}}}'
