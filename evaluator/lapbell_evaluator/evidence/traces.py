"""Recent traces, bounded in bytes, and what can be read from them."""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.examples import Example, Examples
from lapbell_evaluator.evidence.failed_requests import FailedRequest, FailedRequests
from lapbell_evaluator.evidence.origin import Failure, failure_of
from lapbell_evaluator.evidence.phases import is_redis, phases_of
from lapbell_evaluator.evidence.redis_errors import redis_error_name
from lapbell_evaluator.evidence.running import RunningRequests
from lapbell_evaluator.evidence.span import SERVER, Span
from lapbell_evaluator.model import RunningRequest

__all__ = ["RecentOperation", "RecentTiming", "RecentTraces"]

_SPAN_BYTES: Final = 700
_PAIR_BYTES: Final = 130
_EVENT_BYTES: Final = 300
_OPERATION_BYTES: Final = 700
_MOST_SPANS: Final = 2_000
_NAME_CHARS: Final = 256
_FAILED_OUTCOMES: Final = (semconv.OUTCOME_ERROR, semconv.OUTCOME_ABANDONED)


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


@dataclass(slots=True)
class _Trace:
    """Spans of one trace, by id; the same span sent twice is one."""

    spans: dict[str, Span] = field(default_factory=dict)
    bytes: int = 0


class RecentTraces:
    """Keeps the traces that were last added to, and an index of the worst of them.

    Phases are attributed when they are read, so that spans may arrive in any order and over several exports. Safe to
    use from several threads.

    Args:
        traces_bytes: about how much memory spans may take.
        operations_bytes: the same for Redis operations.
        examples_bytes: the same for the index of slow and failed traces.
        failures_bytes: the same for the samples of failed requests.
    """

    def __init__(
        self,
        traces_bytes: int = 32 * 1024 * 1024,
        operations_bytes: int = 2 * 1024 * 1024,
        examples_bytes: int = 8 * 1024 * 1024,
        failures_bytes: int = 4 * 1024 * 1024,
    ) -> None:
        self._lock = threading.Lock()
        self._traces: OrderedDict[str, _Trace] = OrderedDict()
        self._most_bytes = traces_bytes
        self._bytes = 0
        self._operations: deque[RecentOperation] = deque(maxlen=max(1, operations_bytes // _OPERATION_BYTES))
        self._examples = Examples(examples_bytes)
        self._failed = FailedRequests(failures_bytes)
        self._running = RunningRequests()

    def add(self, spans: Sequence[Span]) -> None:
        """Keep spans, the oldest traces going where memory is short."""
        with self._lock:
            for span in spans:
                if not _is_idle_trace(span) and self._keep(span):
                    self._note(span)
            while self._bytes > self._most_bytes:
                self._bytes -= self._traces.popitem(last=False)[1].bytes

    def recent_timings(self, limit: int, job: str | None = None) -> tuple[RecentTiming, ...]:
        """The last webhooks, the newest first, of one service if it is given."""
        with self._lock:
            chosen = list(islice(self._webhooks(job), limit))
        timings = (_timing(webhook, spans) for webhook, spans in chosen)
        return tuple(sorted(timings, key=lambda timing: -timing.time))

    def recent_operations(self, limit: int, job: str | None = None) -> tuple[RecentOperation, ...]:
        """The last Redis operations, the newest first, of one service if it is given."""
        with self._lock:
            newest_first = (done for done in reversed(self._operations) if job in (None, done.job))
            return tuple(islice(newest_first, limit))

    def examples(
        self, job: str, name: str, start: float, end: float, *, failed: bool = False, limit: int = 5
    ) -> tuple[Example, ...]:
        """The slowest requests of a route, or operations of a name, that ended in a window, of each trace one.

        Args:
            job: the service.
            name: an `http.route`, a Redis command, or `redis` for all of them.
            start: Unix seconds.
            end: Unix seconds.
            failed: only those that failed.
            limit: how many at most.
        """
        with self._lock:
            return self._examples.worst(job, name, start, end, failed=failed, limit=limit)

    def failures(self, job: str, route: str, start: float, end: float) -> tuple[tuple[FailedRequest, Failure], ...]:
        """A fair sample of the requests of a route that failed in a window, and how each one did.

        A failure whose trace is no longer kept is left out.

        Args:
            job: the service.
            route: its `http.route`.
            start: Unix seconds.
            end: Unix seconds.
        """
        with self._lock:
            sample = self._failed.sample(job, route[:_NAME_CHARS], start, end)
            sampled = [(request, self._traces.get(request.trace_id)) for request in sample]
            stored = [
                (request, trace.spans[request.span_id], tuple(trace.spans.values()))
                for request, trace in sampled
                if trace is not None and request.span_id in trace.spans
            ]
        return tuple((request, failure_of(webhook, spans)) for request, webhook, spans in stored)

    def redis_error_names(self, job: str, start: float, end: float) -> dict[tuple[str, str], str]:
        """What the errors of Redis operations that ended in a window are called, by command and type without module."""
        with self._lock:
            recent = [done for done in self._operations if done.job == job and start <= done.time <= end]
        return {
            (done.operation, done.error_type.rpartition(".")[2]): done.error_name
            for done in recent
            if done.error_type is not None and done.error_name
        }

    def running(self, job: str, where: Mapping[str, str], at: float, *, limit: int = 5) -> tuple[RunningRequest, ...]:
        """The requests and tasks that have run longest at `at` (Unix seconds).

        Args:
            job: the service; empty for all.
            where: attributes that they must have, such as `http.route`.
            at: Unix seconds of now.
            limit: how many at most.
        """
        with self._lock:
            return self._running.oldest(job, where, at, limit)

    def _keep(self, span: Span) -> bool:
        trace = self._traces.get(span.trace_id)
        if trace is None:
            trace = self._traces[span.trace_id] = _Trace()
        if span.span_id in trace.spans or len(trace.spans) >= _MOST_SPANS:
            return False
        self._traces.move_to_end(span.trace_id)
        trace.spans[span.span_id] = span
        pairs = (*span.attributes, *(pair for event in span.events for pair in event.attributes))
        size = _SPAN_BYTES + len(span.name) + sum(_PAIR_BYTES + len(value) for _, value in pairs)
        size += len(span.events) * _EVENT_BYTES
        trace.bytes += size
        self._bytes += size
        return True

    def _note(self, span: Span) -> None:
        """Enter a webhook, a Redis operation or a snapshot of what runs where it is looked for."""
        self._running.add(span)
        if span.kind == SERVER:
            failed = span.failed or span.attribute(semconv.WEBHOOK_OUTCOME) in _FAILED_OUTCOMES
            route = span.attribute(semconv.HTTP_ROUTE)
            self._index(span, route, failed=failed)
            if failed:
                request = FailedRequest(span.end_s, span.trace_id, span.span_id)
                self._failed.add(span.job, route[:_NAME_CHARS], request)
        elif is_redis(span) and not _is_idle_wait(span):
            operation = _operation(span)
            self._operations.append(operation)
            for name in (operation.operation, semconv.REDIS):
                self._index(span, name, failed=operation.error_type is not None)

    def _index(self, span: Span, name: str, *, failed: bool) -> None:
        self._examples.add(span.job, name[:_NAME_CHARS], Example(span.end_s, span.duration_s, failed, span.trace_id))

    def _webhooks(self, job: str | None) -> Iterator[tuple[Span, tuple[Span, ...]]]:
        """Webhooks with the spans of their trace, those of the last touched traces first."""
        for trace in reversed(self._traces.values()):
            for span in trace.spans.values():
                if span.kind == SERVER and job in (None, span.job):
                    yield span, tuple(trace.spans.values())


def _is_idle_wait(span: Span) -> bool:
    """Whether a command waited on purpose and did what it should: its time says nothing about Redis."""
    failed = span.failed or span.attribute(semconv.ERROR_TYPE)
    return not failed and _command(span).upper() in semconv.REDIS_BLOCKING_COMMANDS


def _is_idle_trace(span: Span) -> bool:
    """Whether a trace is nothing but a worker that waited for something to do: it would displace those that tell."""
    return not span.parent_id and is_redis(span) and _is_idle_wait(span)


def _command(span: Span) -> str:
    return (span.attribute(semconv.DB_OPERATION_NAME) or span.name)[:_NAME_CHARS]


def _operation(span: Span) -> RecentOperation:
    error = span.attribute(semconv.ERROR_TYPE)
    named = error or span.attribute(semconv.DB_RESPONSE_STATUS_CODE) or semconv.ERROR_TYPE_OTHER
    return RecentOperation(
        time=span.end_s,
        job=span.job,
        operation=_command(span),
        duration_s=span.duration_s,
        error_type=named[:_NAME_CHARS] if span.failed or error else None,
        trace_id=span.trace_id,
        error_name=_error_name(span) if span.failed or error else "",
    )


def _error_name(span: Span) -> str:
    exception = span.exception
    message = exception.attribute(semconv.EXCEPTION_MESSAGE) if exception else ""
    return redis_error_name(span, span.attribute(semconv.ERROR_TYPE), message)


def _timing(webhook: Span, spans: tuple[Span, ...]) -> RecentTiming:
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
