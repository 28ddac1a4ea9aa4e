"""A queue as its producers and workers use it."""

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.metrics import Observation
from opentelemetry.trace import Span, SpanContext, SpanKind

from lapbell import checks, faults, seam, semconv
from lapbell.observations import QueueReading, QueueState
from lapbell.process import process
from lapbell.queues.message import Origin, carry, origin_of
from lapbell.queues.tasks import Tasks
from lapbell.scope import enter, leave

__all__ = ["Queue"]

_SEND: Final = "send"
_PROCESS: Final = "process"
_FAULT: Final = "queue"
_NOT_ASKED: Final = "nothing has asked yet what it holds: is it in setup(queues=[...])?"


class Queue:
    """Names a queue, makes the spans of its producers and workers, and counts its workers.

    Args:
        destination: the queue's name on spans and metrics.
        system: what keeps it, such as `redis`.
        limit: most messages that it should hold; None if unlimited.
        timeout_s: longest time that processing one message may take; None if unlimited.
        clock: monotonic seconds.
        wall_clock: Unix seconds, which producers and workers on other machines read too.

    Raises:
        LapbellError: an argument makes no sense.
    """

    def __init__(
        self,
        destination: str,
        system: str,
        *,
        limit: int | None = None,
        timeout_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.destination = checks.name("destination", destination, 'pass the name of the queue, such as "tasks"')
        self.system = checks.name("system", system, 'pass what keeps the queue, such as "redis"')
        if limit is not None:
            checks.whole_number("limit", limit, "pass how many messages it should hold at most, or None", least=1)
        if timeout_s is not None:
            checks.number("timeout_s", timeout_s, "pass seconds above 0, or None")
        self.limit = limit
        self.timeout_s = timeout_s
        self._clock = clock
        self.wall_clock = wall_clock
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        self._tasks = Tasks(self._clock, semconv.ERROR_TYPE_OTHER)
        self._last_reading: QueueReading | None = None
        self._received_at = 0.0
        self._why_unread = _NOT_ASKED

    def receive(self, reading: QueueReading | None, why_unread: str = "") -> None:
        """Take in what the queue held when it was last asked.

        Args:
            reading: None if it did not say.
            why_unread: why it did not.
        """
        self._last_reading, self._received_at, self._why_unread = reading, self._clock(), why_unread

    def state(self) -> QueueState:
        """Its state, as far as this process knows."""
        reading, tasks = self._last_reading, self._tasks
        return QueueState(
            destination=self.destination,
            system=self.system,
            ready=None if reading is None else dict(reading.ready),
            states={} if reading is None else dict(reading.states),
            oldest_s={} if reading is None else dict(reading.oldest_s),
            age_s=None if reading is None else max(0.0, self._clock() - self._received_at),
            why_unread="" if reading is not None else self._why_unread,
            limit=self.limit,
            timeout_s=self.timeout_s,
            workers=max(tasks.workers or 0, tasks.running),
            busy=tasks.running,
            processed=tasks.processed,
            failures=tasks.failures,
            mean_s=tasks.mean_s,
            oldest_task_s=tasks.oldest_s() if tasks.are_seen else None,
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
            yield carry(payload, self.wall_clock())

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
        origin, error_type, tasks = origin_of(payload), "", self._tasks
        number = tasks.begin()
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
                self._processed(tasks, number, operation, error_type, measured)

    @contextmanager
    def work(self, workers: int = 1) -> Generator[None, None, None]:
        """Say that this process has workers for the queue: those that do not process are idle.

        Without it nobody knows how many workers there are, so none are reported. After it the process reports that it
        has none any more, which tells workers that are gone from workers that nobody counts. A child that is forked
        inside the block, as RQ forks one for each job, is one of these workers and counts none of its own.
        """
        tasks = self._tasks
        tasks.hire(workers)
        try:
            yield
        finally:
            if tasks is self._tasks:  # else the process has forked since, and they are the parent's
                tasks.hire(-workers)

    def observe(self, gauge: str) -> Iterable[Observation]:
        """The present values of one of its gauges."""
        match gauge:
            case semconv.MESSAGING_QUEUE_LIMIT if self.limit is not None:
                return [Observation(self.limit, self.attributes)]
            case semconv.MESSAGING_PROCESS_TIMEOUT if self.timeout_s is not None:
                return [Observation(self.timeout_s, self.attributes)]
            case semconv.MESSAGING_PROCESS_OLDEST_AGE if self._tasks.are_seen:
                return [Observation(self._tasks.oldest_s(), self.attributes)]
            case semconv.MESSAGING_WORKER_COUNT if self._tasks.workers is not None:
                return self._worker_counts(self._tasks.workers, self._tasks.running)
            case _:
                return []

    def _worker_counts(self, workers: int, busy: int) -> list[Observation]:
        return [
            Observation(count, {**self.attributes, semconv.MESSAGING_WORKER_STATE: state})
            for state, count in ((semconv.WORKER_BUSY, busy), (semconv.WORKER_IDLE, max(0, workers - busy)))
        ]

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
            waited_s = max(0.0, self.wall_clock() - origin.queued_at)
            seam.current().record(semconv.MESSAGING_MESSAGE_RECEIVE_LATENCY, waited_s, self.attributes, measured)

    @faults.harmless(_FAULT)
    def _processed(
        self, tasks: Tasks, number: int, operation: str, error_type: str, measured: SpanContext | None
    ) -> None:
        if tasks is not self._tasks:
            return
        took_s = tasks.end(number, error_type)
        attributes = self.attributes | {semconv.MESSAGING_OPERATION_NAME: operation}
        if error_type:
            attributes[semconv.ERROR_TYPE] = error_type
        seam.current().record(semconv.MESSAGING_PROCESS_DURATION, took_s, attributes, measured)
