"""Recent traces, bounded in bytes, and what can be read from them."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.examples import Example, Examples
from lapbell_evaluator.evidence.failed_requests import FailedRequest, FailedRequests
from lapbell_evaluator.evidence.origin import Failure, failure_of
from lapbell_evaluator.evidence.phases import is_redis
from lapbell_evaluator.evidence.recent import (
    NAME_CHARS,
    RecentOperation,
    RecentTiming,
    is_idle_trace,
    is_idle_wait,
    operation_of,
    timing_of,
)
from lapbell_evaluator.evidence.running import RunningRequests
from lapbell_evaluator.evidence.span import SERVER
from lapbell_evaluator.evidence.trace_store import TraceStore, Use
from lapbell_evaluator.evidence.typical_requests import TypicalRequests
from lapbell_evaluator.model import RunningRequest, Span, Trace

__all__ = ["RecentTraces"]

_OPERATION_BYTES: Final = 700
_FAILED_OUTCOMES: Final = (semconv.OUTCOME_ERROR, semconv.OUTCOME_ABANDONED)


class RecentTraces:
    """Keeps the traces that were last added to, and an index of the worst of them.

    Phases are attributed when they are read, so that spans may arrive in any order and over several exports. Safe to
    use from several threads.

    Args:
        traces_bytes: about how much memory spans may take.
        operations_bytes: the same for Redis operations.
        examples_bytes: the same for the index of slow and failed traces.
        failures_bytes: the same for the samples of failed requests.
        typical_bytes: the same for the samples of those that did not fail.
        held_bytes: the same for those of the worst traces that would have gone, and for those of the typical ones.
    """

    def __init__(
        self,
        traces_bytes: int = 24 * 1024 * 1024,
        operations_bytes: int = 2 * 1024 * 1024,
        examples_bytes: int = 8 * 1024 * 1024,
        failures_bytes: int = 4 * 1024 * 1024,
        typical_bytes: int = 4 * 1024 * 1024,
        held_bytes: int = 12 * 1024 * 1024,
    ) -> None:
        self._lock = threading.Lock()
        self._traces = TraceStore(traces_bytes, held_bytes)
        self._operations: deque[RecentOperation] = deque(maxlen=max(1, operations_bytes // _OPERATION_BYTES))
        self._examples = Examples(examples_bytes)
        self._failed = FailedRequests(failures_bytes)
        self._typical = TypicalRequests(typical_bytes)
        self._running = RunningRequests()

    def add(self, spans: Sequence[Span]) -> None:
        """Keep spans, the oldest traces going where memory is short."""
        with self._lock:
            for span in spans:
                if not is_idle_trace(span) and self._traces.keep(span):
                    self._note(span)
            self._traces.trim(self._use_of)

    def recent_timings(self, limit: int, job: str | None = None) -> tuple[RecentTiming, ...]:
        """The last webhooks, the newest first, of one service if it is given."""
        with self._lock:
            chosen = list(islice(self._webhooks(job), limit))
        timings = (timing_of(webhook, spans) for webhook, spans in chosen)
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

    def trace(self, trace_id: str) -> Trace | None:
        """The spans of a trace that are in memory, as they came; None if there are none."""
        with self._lock:
            held = self._traces.held(trace_id)
            return None if held is None else Trace(trace_id, tuple(held.spans.values()), held.cut)

    def typical(self, job: str, name: str, start: float, end: float) -> Trace | None:
        """Of the traces in memory the one nearest to the median of those that ended in a window and did not fail.

        Args:
            job: the service.
            name: an `http.route`, a Redis command, or `redis` for all of them.
            start: Unix seconds.
            end: Unix seconds.
        """
        with self._lock:
            nearest = self._typical.nearest_to_median(job, name[:NAME_CHARS], start, end)
            held = ((trace_id, self._traces.held(trace_id)) for trace_id in nearest)
            return next(
                (Trace(trace_id, tuple(own.spans.values()), own.cut) for trace_id, own in held if own is not None), None
            )

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
            sample = self._failed.sample(job, route[:NAME_CHARS], start, end)
            sampled = [(request, self._traces.held(request.trace_id)) for request in sample]
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

    def _note(self, span: Span) -> None:
        """Enter a webhook, a Redis operation or a snapshot of what runs where it is looked for."""
        self._running.add(span)
        if span.kind == SERVER:
            failed = span.failed or span.attribute(semconv.WEBHOOK_OUTCOME) in _FAILED_OUTCOMES
            route = span.attribute(semconv.HTTP_ROUTE)
            self._index(span, route, failed=failed)
            if failed:
                request = FailedRequest(span.end_s, span.trace_id, span.span_id)
                self._failed.add(span.job, route[:NAME_CHARS], request)
        elif is_redis(span) and not is_idle_wait(span):
            operation = operation_of(span)
            self._operations.append(operation)
            for name in (operation.operation, semconv.REDIS):
                self._index(span, name, failed=operation.error_type is not None)

    def _index(self, span: Span, name: str, *, failed: bool) -> None:
        example = Example(span.end_s, span.duration_s, failed, span.trace_id)
        self._examples.add(span.job, name[:NAME_CHARS], example)
        if not failed:
            self._typical.add(span.job, name[:NAME_CHARS], example)

    def _use_of(self, trace_id: str) -> Use | None:
        """What a trace may be asked for once it is no recent one."""
        if self._examples.shows(trace_id):
            return Use.WORST
        return Use.TYPICAL if self._typical.shows(trace_id) else None

    def _webhooks(self, job: str | None) -> Iterator[tuple[Span, tuple[Span, ...]]]:
        """Webhooks with the spans of their trace, those of the last touched traces first."""
        for trace in self._traces.newest_first():
            for span in trace.spans.values():
                if span.kind == SERVER and job in (None, span.job):
                    yield span, tuple(trace.spans.values())
