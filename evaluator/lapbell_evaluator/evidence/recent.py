"""Single webhooks and Redis commands, as their spans tell of them."""

from dataclasses import dataclass
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.phases import is_redis, phases_of
from lapbell_evaluator.evidence.redis_errors import redis_error_name
from lapbell_evaluator.model import Span

__all__ = [
    "NAME_CHARS",
    "RecentOperation",
    "RecentTiming",
    "is_idle_trace",
    "is_idle_wait",
    "operation_of",
    "timing_of",
]

NAME_CHARS: Final = 256
"""Of a route or a command, where traces are looked up by it."""


@dataclass(frozen=True, slots=True)
class RecentTiming:
    """One webhook, as its trace has it.

    Attributes:
        time: Unix seconds when it was answered.
        job: the service.
        instance: which process of the service.
        route: its `http.route`.
        provider: who sent the webhook, empty if unknown.
        outcome: accepted, rejected, duplicate or error; empty if the span does not say.
        status_code: HTTP's, None if the span does not say.
        total_s: seconds until it was answered.
        phases_s: self seconds by phase; they sum to `total_s`.
        trace_id: 32 hex digits.
        event_type: what it was about, empty if the span does not say.
    """

    time: float
    job: str
    instance: str
    route: str
    provider: str
    outcome: str
    status_code: int | None
    total_s: float
    phases_s: tuple[tuple[str, float], ...]
    trace_id: str
    event_type: str = ""


@dataclass(frozen=True, slots=True)
class RecentOperation:
    """One Redis command, as its span has it.

    Attributes:
        time: Unix seconds of its end.
        job: the service.
        operation: the command's name.
        duration_s: seconds it took.
        error_type: what failed, None if nothing did.
        trace_id: 32 hex digits.
        error_name: what the server calls the error, or what became of the connection; empty if that is not known.
    """

    time: float
    job: str
    operation: str
    duration_s: float
    error_type: str | None
    trace_id: str
    error_name: str = ""


def is_idle_wait(span: Span) -> bool:
    """Whether a command waited on purpose and did what it should: its time says nothing about Redis."""
    failed = span.failed or span.attribute(semconv.ERROR_TYPE)
    return not failed and _command(span).upper() in semconv.REDIS_BLOCKING_COMMANDS


def is_idle_trace(span: Span) -> bool:
    """Whether a trace is nothing but a worker that waited for something to do: it would displace those that tell."""
    return not span.parent_id and is_redis(span) and is_idle_wait(span)


def _command(span: Span) -> str:
    return (span.attribute(semconv.DB_OPERATION_NAME) or span.name)[:NAME_CHARS]


def operation_of(span: Span) -> RecentOperation:
    """The command that a CLIENT span of Redis is about."""
    error = span.attribute(semconv.ERROR_TYPE)
    named = error or span.attribute(semconv.DB_RESPONSE_STATUS_CODE) or semconv.ERROR_TYPE_OTHER
    return RecentOperation(
        time=span.end_s,
        job=span.job,
        operation=_command(span),
        duration_s=span.duration_s,
        error_type=named[:NAME_CHARS] if span.failed or error else None,
        trace_id=span.trace_id,
        error_name=_error_name(span) if span.failed or error else "",
    )


def _error_name(span: Span) -> str:
    exception = span.exception
    message = exception.attribute(semconv.EXCEPTION_MESSAGE) if exception else ""
    return redis_error_name(span, span.attribute(semconv.ERROR_TYPE), message)


def timing_of(webhook: Span, spans: tuple[Span, ...]) -> RecentTiming:
    """The webhook of a SERVER span, among all spans of its trace."""
    status = webhook.attribute(semconv.HTTP_RESPONSE_STATUS_CODE)
    return RecentTiming(
        time=webhook.end_s,
        job=webhook.job,
        instance=webhook.instance,
        route=webhook.attribute(semconv.HTTP_ROUTE),
        provider=webhook.attribute(semconv.WEBHOOK_PROVIDER),
        outcome=webhook.attribute(semconv.WEBHOOK_OUTCOME),
        status_code=int(status) if status.isdigit() else None,
        total_s=webhook.duration_s,
        phases_s=phases_of(webhook, spans),
        trace_id=webhook.trace_id,
        event_type=webhook.attribute(semconv.WEBHOOK_EVENT_TYPE),
    )
