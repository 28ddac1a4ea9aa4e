"""Work that does not end, and queues that nothing is taken from."""

from collections.abc import Iterator
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import SECONDS, label, metric
from lapbell_evaluator.rules.shipped.counting import Measured
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, record, rule, threshold_rules
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["queue_rules", "webhook_rules"]

_ROUTE: Final = label(semconv.HTTP_ROUTE)
_OVERDUE: Final = metric(semconv.WEBHOOK_ACTIVE_REQUESTS_OVERDUE)
_OLDEST_WEBHOOK: Final = metric(semconv.WEBHOOK_UNANSWERED_REQUEST_OLDEST_AGE, SECONDS)
_OVERDUE_BY: Final = label(semconv.WEBHOOK_OVERDUE_LIMIT)
_TOGETHER: Final = 3
_BLOCKED: Final = metric(semconv.EVENT_LOOP_BLOCKED, SECONDS)
_LINE: Final = ", ".join(
    map(label, (semconv.CODE_FUNCTION_NAME, semconv.CODE_FILE_PATH, semconv.CODE_LINE_NUMBER)),
)

_LEVEL: Final = "system_destination"
_DESTINATION: Final = label(semconv.MESSAGING_DESTINATION_NAME)
_QUEUE: Final = f"{label(semconv.MESSAGING_SYSTEM)}, {_DESTINATION}"
_BY: Final = f"by ({_QUEUE})"
_IS_READY: Final = f'{label(semconv.MESSAGING_QUEUE_MESSAGE_STATE)}="{semconv.QUEUE_READY}"'
_READY: Final = f"{metric(semconv.MESSAGING_QUEUE_MESSAGES)}{{{_IS_READY}}}"
_AGE: Final = metric(semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE, SECONDS)
_WORKERS: Final = metric(semconv.MESSAGING_WORKER_COUNT)
_RUNNING: Final = metric(semconv.MESSAGING_PROCESS_OLDEST_AGE, SECONDS)
_TIMEOUT: Final = metric(semconv.MESSAGING_PROCESS_TIMEOUT, SECONDS)
_RECEIVED: Final = metric(semconv.MESSAGING_MESSAGE_RECEIVE_LATENCY, SECONDS)
_PROCESSED: Final = metric(semconv.MESSAGING_PROCESS_DURATION, SECONDS)
_AT: Final = f"{{{{ $labels.{_DESTINATION} }}}}"


def webhook_rules(thresholds: Thresholds) -> Iterator[Rule]:
    """WebhookStuck and EventLoopBlocked."""
    overdue = f"job_{_ROUTE}:webhooks_overdue:sum"
    yield record(f"{overdue}_requirement", _overdue(semconv.OVERDUE_REQUIREMENT))
    yield record(f"{overdue}_deadline", _overdue(semconv.OVERDUE_DEADLINE))
    at = f"{{{{ $labels.{_ROUTE} }}}}"
    oldest = (
        f"{{{{ range query (printf `max({_OLDEST_WEBHOOK}{{job=%q,{_ROUTE}=%q}})` $labels.job $labels.{_ROUTE}) }}}}"
        " The oldest has run for {{ humanizeDuration .Value }}.{{ end }}"
    )
    yield rule(
        "WebhookStuck",
        "webhook",
        CRITICAL,
        f"{overdue}_deadline > 0\nor {overdue}_requirement >= {_TOGETHER}",
        summary=f'{{{{ printf "%.0f" $value }}}} webhooks to {at} are stuck',
        description=(
            f'{{{{ printf "%.0f" $value }}}} webhooks to {at} of {{{{ $labels.job }}}} run without having begun to'
            f" answer: {_TOGETHER} past the requirement, or one past three times it or past its provider's deadline."
            f"{oldest}"
        ),
        recovery_expr=f"{overdue}_requirement",
    )
    line = (
        f"{{{{ range query (printf `topk(1, max by ({_LINE}) ({_BLOCKED}{{job=%q}}))` $labels.job) }}}} in"
        f" {{{{ .Labels.{label(semconv.CODE_FUNCTION_NAME)} }}}}"
        f" ({{{{ .Labels.{label(semconv.CODE_FILE_PATH)} }}}}:{{{{ .Labels.{label(semconv.CODE_LINE_NUMBER)} }}}})"
        "{{ end }}"
    )
    yield from threshold_rules(
        "EventLoopBlocked",
        "webhook",
        f"max by (job) ({_BLOCKED})",
        ((WARNING, thresholds.event_loop_blocked_warning), (CRITICAL, thresholds.event_loop_blocked_critical)),
        summary="The event loop of {{ $labels.job }} is blocked for {{ humanizeDuration $value }}",
        description=(
            f"One line kept the event loop of {{{{ $labels.job }}}} from running for {{{{ humanizeDuration $value }}}}"
            f"{line}; the threshold is THRESHOLDs. Every other request of that process waited."
        ),
    )


def queue_rules() -> Iterator[Rule]:
    """TaskStuck and TaskQueueStalled."""
    yield rule(
        "TaskStuck",
        "task_queue",
        CRITICAL,
        f"max {_BY} ({_RUNNING})\n> max {_BY} ({_TIMEOUT} > 0)",
        summary=f"A task of {_AT} is stuck: it has run for {{{{ humanizeDuration $value }}}}",
        description=f"A task of {_AT} has run for {{{{ humanizeDuration $value }}}}, which is longer than its timeout.",
        recovery_expr=f"max {_BY} ({_RUNNING}) <= max {_BY} ({_TIMEOUT})",
    )
    yield from _stalled()


def _stalled() -> Iterator[Rule]:
    """Of tasks that were not seen a minute ago nobody knows whether one began since: a first sample counts nothing."""
    waiting, gone = f"{_LEVEL}:messages_waiting:throughout1m", f"{_LEVEL}:workers:gone1m"
    idle, aging = f"{_LEVEL}:tasks_begun:none1m", f"{_LEVEL}:oldest_message:aging1m"
    begun, ended = (Measured(name, _QUEUE, ()).events("1m") for name in (_RECEIVED, _PROCESSED))
    empty = f"max {_BY} ({_READY} offset 1m) == 0"  # then there was no oldest message, and its age counts as 0
    within = f"max {_BY} ({_RUNNING} > 0) < max {_BY} ({_TIMEOUT})"  # an idle worker has a task of age 0
    names = (f"{name}{form} offset 1m" for name in (_RECEIVED, _PROCESSED) for form in ("_count", ""))
    seen = f"count {_BY} ({' or '.join(names)})"
    yield record(waiting, f"{_LEVEL}:messages_ready:sum * (sum {_BY} (min_over_time({_READY}[1m])) > bool 0)")
    yield record(
        gone,
        f"max {_BY} (max_over_time({_WORKERS}[30m])) > 0\nunless sum {_BY} (last_over_time({_WORKERS}[1m])) > 0",
    )
    yield record(f"{_LEVEL}:tasks_begun:increase1m", f"{begun}\nor {ended}")
    yield record(idle, f"{_LEVEL}:tasks_begun:increase1m == 0\nand {seen}\nunless {within}")
    yield record(
        aging,
        f"max {_BY} ({_AGE}) - (max {_BY} ({_AGE} offset 1m) or {empty}) >= 55\nunless {_LEVEL}:tasks_begun:increase1m",
    )
    yield rule(
        "TaskQueueStalled",
        "task_queue",
        CRITICAL,
        f"{waiting} > 0\nand ({gone} or {idle}\n  or {aging})",
        summary=f'Nothing is taken from {_AT}: {{{{ printf "%.0f" $value }}}} tasks wait',
        description=(
            f'{{{{ printf "%.0f" $value }}}} tasks wait in {_AT}, and for a minute nothing was taken:'
            f" {_why_nothing_is_taken()}"
        ),
    )


def _why_nothing_is_taken() -> str:
    """What is known of the workers; asked of their own series, which early evaluations do not record anew."""
    of_queue = ",".join(f"{name}=%q" for name in _QUEUE.split(", "))
    names = " ".join(f"$labels.{name}" for name in _QUEUE.split(", "))
    present = f"sum(last_over_time({_WORKERS}{{{of_queue}}}[1m])) > 0"
    recent = f"max(max_over_time({_WORKERS}{{{of_queue}}}[30m])) > 0"
    return (
        f"{{{{ range query (printf `{present}` {names}) }}}}"
        'no task began, though {{ printf "%.0f" .Value }} of its workers are there.{{ else }}'
        f"{{{{ range query (printf `{recent}` {names}) }}}}"
        "its workers are gone.{{ else }}"
        "no worker of it was seen within half an hour.{{ end }}{{ end }}"
    )


def _overdue(limit: str) -> str:
    return f'sum by (job, {_ROUTE}) ({_OVERDUE}{{{_OVERDUE_BY}="{limit}"}})'
