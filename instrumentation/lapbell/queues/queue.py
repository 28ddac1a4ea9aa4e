"""A queue as its producers and workers use it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Observation
from opentelemetry.trace import Span, SpanContext, SpanKind

from lapbell import faults, seam, semconv
from lapbell.observations import QueueReading, QueueState
from lapbell.process import process
from lapbell.queues.message import Origin, carry, origin_of
from lapbell.scope import enter, leave

__all__ = ["Queue"]

_SEND: Final = "send"
_PROCESS: Final = "process"
_FAULT: Final = "queue"
_TIMES: Final = 1_000
"""Processing times kept for the mean."""


class _Counts:
    """The workers of a queue in one process, and what they have done.

    Attributes:
        is_of_parent: whether the process was forked by one that counts it as a worker.
    """

    def __init__(self, *, is_of_parent: bool = False) -> None:
        self.lock = threading.Lock()
        self.is_of_parent = is_of_parent
        self.workers = 0
        self.busy = 0
        self.done = 0
        self.failed = 0
        self.times_s: deque[float] = deque(maxlen=_TIMES)
        self.running: dict[object, float] = {}

    @property
    def are_reported(self) -> bool:
        """Whether this process reports workers."""
        return self.workers > 0 or (self.busy > 0 and not self.is_of_parent)

    def oldest_s(self) -> float:
        """Seconds for which the oldest running task has run, 0 if none runs."""
        return max((time.monotonic() - began for began in list(self.running.values())), default=0.0)


class Queue:
    """Names a queue, makes the spans of its producers and workers, and counts its workers.

    Args:
        destination: the queue's name on spans and metrics.
        system: what keeps it, such as `redis`.
        limit: most messages that it should hold; None if unlimited.
        timeout_s: longest time that processing one message may take; None if unlimited.
    """

    def __init__(
        self, destination: str, system: str, *, limit: int | None = None, timeout_s: float | None = None
    ) -> None:
        self.destination = destination
        self.system = system
        self.limit = limit
        self.timeout_s = timeout_s
        self._counts = _Counts()
        self._last_reading: QueueReading | None = None
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        self._counts = _Counts(is_of_parent=self._counts.is_of_parent or self._counts.workers > 0)
        self._last_reading = None

    def receive(self, reading: QueueReading | None) -> None:
        """Take in what the queue held when it was last asked; None if it did not say."""
        self._last_reading = reading

    def state(self) -> QueueState:
        """Its state, as far as this process knows."""
        reading, counts = self._last_reading, self._counts
        with counts.lock:
            times = tuple(counts.times_s)
            return QueueState(
                destination=self.destination,
                system=self.system,
                ready=dict(reading.ready) if reading else {},
                limit=self.limit,
                timeout_s=self.timeout_s,
                workers=max(counts.workers, counts.busy),
                busy=counts.busy,
                processed=counts.done,
                failed=counts.failed,
                mean_s=sum(times) / len(times) if times else 0.0,
            )

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges whose values a queue knows in every process that uses it."""
        return (
            semconv.MESSAGING_QUEUE_LIMIT,
            semconv.MESSAGING_PROCESS_TIMEOUT,
            semconv.MESSAGING_PROCESS_OLDEST_AGE,
            semconv.MESSAGING_WORKER_COUNT,
        )

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes that name it on metrics."""
        return {semconv.MESSAGING_SYSTEM: self.system, semconv.MESSAGING_DESTINATION_NAME: self.destination}

    @contextmanager
    def publish(self, payload: Mapping[str, Any], priority: str = "") -> Generator[dict[str, Any], None, None]:
        """Queue a message as a PRODUCER span: `with queue.publish(payload) as message:` and push `message` in the body.

        Args:
            payload: the message's own fields.
            priority: the priority it is queued with.

        Yields:
            The payload with one field more, which carries the trace and the time to the worker.
        """
        with self._inside(lambda context: self._producer(context, priority), None):
            yield carry(payload)

    @contextmanager
    def process(self, payload: Mapping[str, Any], operation: str = _PROCESS) -> Generator[Span, None, None]:
        """Process a message as a CONSUMER span, linked to the span that queued it; the worker counts as busy meanwhile.

        Records `messaging.process.duration` and, if the message tells when it was queued,
        `messaging.message.receive.latency`.

        Args:
            payload: as a worker received it.
            operation: what is done, of few distinct values, such as the task's name.

        Yields:
            The span.
        """
        origin, began, error_type = origin_of(payload), time.perf_counter(), ""
        counts, task = self._turn(self._counts, busy=1), object()
        counts.running[task] = time.monotonic()
        with self._inside(lambda context: self._consumer(context, operation, origin), Context()) as span:
            context = span.get_span_context()
            measured = context if context.trace_flags.sampled else None
            self._received(origin, measured)
            try:
                yield span
            except BaseException as error:
                error_type = type(error).__qualname__
                raise
            finally:
                counts.running.pop(task, None)
                self._turn(counts, busy=-1)
                self._processed(counts, operation, time.perf_counter() - began, error_type, measured)

    @contextmanager
    def work(self, workers: int = 1) -> Generator[None, None, None]:
        """Say that this process has workers for the queue: those that do not process are idle.

        A child that is forked inside the block, as RQ forks one for each job, is one of these workers and counts none
        of its own.
        """
        counts = self._turn(self._counts, workers=workers)
        try:
            yield
        finally:
            self._turn(counts, workers=-workers)

    def observe(self, gauge: str) -> Iterable[Observation]:
        """The present values of one of its gauges."""
        match gauge:
            case semconv.MESSAGING_QUEUE_LIMIT if self.limit is not None:
                return [Observation(self.limit, self.attributes)]
            case semconv.MESSAGING_PROCESS_TIMEOUT if self.timeout_s is not None:
                return [Observation(self.timeout_s, self.attributes)]
            case semconv.MESSAGING_PROCESS_OLDEST_AGE if self._counts.are_reported or self._counts.running:
                return [Observation(self._counts.oldest_s(), self.attributes)]
            case semconv.MESSAGING_WORKER_COUNT if self._counts.are_reported:
                return self._worker_counts()
            case _:
                return []

    def _worker_counts(self) -> list[Observation]:
        counts = self._counts
        with counts.lock:
            busy, idle = counts.busy, max(0, counts.workers - counts.busy)
        return [
            Observation(count, {**self.attributes, semconv.MESSAGING_WORKER_STATE: state})
            for state, count in ((semconv.WORKER_BUSY, busy), (semconv.WORKER_IDLE, idle))
        ]

    def _turn(self, counts: "_Counts", *, busy: int = 0, workers: int = 0) -> "_Counts":
        """Add to the counts, unless the process has forked since and they are the parent's."""
        if counts is self._counts:
            with counts.lock:
                counts.busy += busy
                counts.workers += workers
        return counts

    @contextmanager
    def _inside(self, start: Callable[[Context], Span], base: Context | None) -> Generator[Span, None, None]:
        """Make a span current, and end it with what happened inside."""
        entered = enter(_FAULT, start, base)
        try:
            yield trace.INVALID_SPAN if entered is None else entered.span
        except BaseException as error:
            leave(_FAULT, entered, error)
            raise
        leave(_FAULT, entered, None)

    def _producer(self, context: Context, priority: str) -> Span:
        attributes = self._span_attributes(_SEND, _SEND)
        if priority:
            attributes[semconv.MESSAGING_QUEUE_PRIORITY] = priority
        return seam.current().start_span(
            f"{_SEND} {self.destination}", SpanKind.PRODUCER, context=context, attributes=attributes
        )

    def _consumer(self, context: Context, operation: str, origin: Origin) -> Span:
        return seam.current().start_span(
            f"{operation} {self.destination}",
            SpanKind.CONSUMER,
            context=context,
            attributes=self._span_attributes(operation, _PROCESS),
            links=origin.links,
        )

    def _span_attributes(self, operation: str, kind: str) -> dict[str, str]:
        named = {semconv.MESSAGING_OPERATION_NAME: operation, semconv.MESSAGING_OPERATION_TYPE: kind}
        return self.attributes | named

    @faults.harmless(_FAULT)
    def _received(self, origin: Origin, measured: SpanContext | None) -> None:
        if origin.queued_at is not None:
            waited_s = max(0.0, time.time() - origin.queued_at)
            seam.current().record(semconv.MESSAGING_MESSAGE_RECEIVE_LATENCY, waited_s, self.attributes, measured)

    @faults.harmless(_FAULT)
    def _processed(
        self, counts: "_Counts", operation: str, took_s: float, error_type: str, measured: SpanContext | None
    ) -> None:
        if counts is not self._counts:
            return
        with counts.lock:
            counts.done += 1
            counts.failed += bool(error_type)
            counts.times_s.append(took_s)
        attributes = self.attributes | {semconv.MESSAGING_OPERATION_NAME: operation}
        if error_type:
            attributes[semconv.ERROR_TYPE] = error_type
        seam.current().record(semconv.MESSAGING_PROCESS_DURATION, took_s, attributes, measured)
