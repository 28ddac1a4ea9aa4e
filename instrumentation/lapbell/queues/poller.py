"""Reads how deep a queue is, off the request's path, from one process at a time."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from opentelemetry.metrics import Observation

from lapbell import faults, semconv
from lapbell.observations import QueueReading
from lapbell.process import ForkSafeLock, process

__all__ = ["Poller"]

INTERVAL_S: Final = 1.0
_STALE_AFTER: Final = 3
"""A reading older than this many intervals says nothing about the present."""

_ASKED_ELSEWHERE: Final = "another process has the lease to ask; the evaluator's REST has its answer"


class Readable(Protocol):
    """A queue that can be asked what it holds."""

    destination: str
    system: str
    limit: int | None

    def read(self, lease_s: float) -> QueueReading | None:
        """What it holds; None if another process has the lease to ask.

        Args:
            lease_s: how long this process, once it asks, is the one that asks.
        """
        ...

    def receive(self, reading: QueueReading | None, why_unread: str) -> None:
        """Take in what it held when it was last asked; None if it did not say, and why."""
        ...


class Poller:
    """Asks a queue once per interval on a thread of its own, and answers gauges from what it received last.

    Args:
        queue: what to ask.
        request_export: asks for an export soon, called when the queue goes over its limit.
        interval_s: seconds between questions.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        queue: Readable,
        request_export: Callable[[], None],
        interval_s: float = INTERVAL_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._request_export = request_export
        self._interval_s = interval_s
        self._clock = clock
        self._over = False
        self._polling = ForkSafeLock()
        self._renew()
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        self._last: QueueReading | None = None
        self._received_at = 0.0
        self._stopped = threading.Event()

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges whose values it knows."""
        return (semconv.MESSAGING_QUEUE_MESSAGES, semconv.MESSAGING_QUEUE_OLDEST_MESSAGE_AGE)

    def start(self) -> None:
        """Start asking; again in the child after a fork."""
        self._stopped = threading.Event()
        threading.Thread(name=f"lapbell-queue-{self._queue.destination}", target=self._run, daemon=True).start()

    def stop(self) -> None:
        """Ask no longer."""
        self._stopped.set()

    def poll(self) -> None:
        """Ask once."""
        with self._polling:
            self._poll()

    def _poll(self) -> None:
        reading, why_unread = None, _ASKED_ELSEWHERE
        try:
            reading = self._queue.read(self._interval_s * _STALE_AFTER)
        except Exception as fault:  # noqa: BLE001 - a queue that does not answer has no depth; the next question may be answered
            faults.report(f"queue {self._queue.destination}", fault)
            why_unread = f"{self._queue.system} did not say: {type(fault).__name__}"
        self._last, self._received_at = reading, self._clock()
        self._queue.receive(reading, "" if reading is not None else why_unread)
        over = reading is not None and reading.limit is not None and reading.depth > reading.limit
        if over and not self._over:
            self._request_export()
        self._over = over

    def observe(self, gauge: str) -> Iterable[Observation]:
        """The values received last, if they are fresh."""
        reading = self._last
        if reading is None or self._clock() - self._received_at > _STALE_AFTER * self._interval_s:
            return []
        return _messages(reading) if gauge == semconv.MESSAGING_QUEUE_MESSAGES else _ages(reading)

    def _run(self) -> None:
        stopped = self._stopped
        while not stopped.is_set():
            self.poll()
            stopped.wait(self._interval_s)


def _messages(reading: QueueReading) -> Iterator[Observation]:
    named = {semconv.MESSAGING_SYSTEM: reading.system, semconv.MESSAGING_DESTINATION_NAME: reading.destination}
    for priority, count in reading.ready.items():
        state = {semconv.MESSAGING_QUEUE_MESSAGE_STATE: semconv.QUEUE_READY, semconv.MESSAGING_QUEUE_PRIORITY: priority}
        yield Observation(count, named | state)
    for name, count in reading.states.items():
        yield Observation(count, named | {semconv.MESSAGING_QUEUE_MESSAGE_STATE: name})


def _ages(reading: QueueReading) -> Iterator[Observation]:
    named = {semconv.MESSAGING_SYSTEM: reading.system, semconv.MESSAGING_DESTINATION_NAME: reading.destination}
    for priority, age_s in reading.oldest_s.items():
        yield Observation(age_s, named | {semconv.MESSAGING_QUEUE_PRIORITY: priority})
