"""Everything between the providers and the wire: started, flushed, stopped, and whole again after a fork."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from lapbell.faults import contained
from lapbell.gauges import Source
from lapbell.observations import Observer
from lapbell.process import process
from lapbell.processor import WebhookProcessor
from lapbell.providers import Providers
from lapbell.reader import PacedReader
from lapbell.tracing import SpanProcessor

__all__ = ["SHUTDOWN_S", "Pipeline"]

SHUTDOWN_S: Final = 2.5
FLUSH_S: Final = 2.0
_AFTER_A_LATE_FLUSH_S: Final = 0.5
"""Who did not answer a moment ago is not waited for in full again: flush and shutdown together keep to `SHUTDOWN_S`."""
_REPLACED_S: Final = 0.5


class Background(Protocol):
    """Something with a thread of its own."""

    def start(self) -> None:
        """Start the thread; again in the child after a fork."""
        ...

    def stop(self) -> None:
        """Let the thread end, without waiting for it."""
        ...


class Pipeline:
    """Everything between the providers and the wire, for as long as one `setup()` stands.

    Args:
        providers: the process's.
        processor: derives the metrics, and exports.
        reader: exports the metrics.
        backgrounds: started and stopped with it.
        sources: of gauges, added and removed with it.
    """

    def __init__(
        self,
        providers: Providers,
        processor: WebhookProcessor,
        reader: PacedReader,
        backgrounds: Sequence[Background],
        sources: Sequence[Source],
    ) -> None:
        self._providers = providers
        self._processor = processor
        self._reader = reader
        self._backgrounds = tuple(backgrounds)
        self._sources = tuple(sources)
        self._stands = False
        self._flush_was_late = False
        self._close = threading.Event()
        self._closed = threading.Event()

    def start(self) -> None:
        """Put it between the providers and the wire."""
        replaced = process.find(Pipeline)
        if replaced is not None:
            replaced.shutdown(_REPLACED_S)
        process.put(Pipeline, self)
        for source in self._sources:
            self._providers.gauges.add(source)
        self._providers.meter_provider.add_metric_reader(self._reader)
        self._providers.switch.target = self._processor
        self._stands = True
        self._start_threads()
        self._end_registration = process.register(renew_after_fork=self._renew, at_exit=self.shutdown)

    @contextlib.contextmanager
    def observed_by(self, observer: Observer) -> Iterator[None]:
        """Let somebody see every measurement while a block runs."""
        self._processor.observers = (*self._processor.observers, observer)
        try:
            yield
        finally:
            self._processor.observers = tuple(other for other in self._processor.observers if other is not observer)

    @contextlib.contextmanager
    def seen_through(self, wrap: Callable[[SpanProcessor], SpanProcessor]) -> Iterator[None]:
        """Put something between the spans and the processor while a block runs."""
        self._providers.switch.target = wrap(self._processor)
        try:
            yield
        finally:
            self._providers.switch.target = self._processor if self._stands else None

    @contextlib.contextmanager
    def timed_by(self, unix_ns: Callable[[], int]) -> Iterator[None]:
        """Let running requests be as old as this clock says (Unix nanoseconds) while a block runs."""
        requests = self._processor.requests
        before, requests.unix_ns = requests.unix_ns, unix_ns
        try:
            yield
        finally:
            requests.unix_ns = before

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Export what waits and go on, after `timeout_s` even if the collector does not answer."""
        if not self._stands:
            return
        deadline = time.monotonic() + timeout_s
        exports = [
            threading.Thread(name="lapbell-flush", target=target, args=(limit,), daemon=True)
            for target, limit in (
                (self._processor.force_flush, round(timeout_s * 1_000)),
                (self._providers.flush_metrics, timeout_s),
            )
        ]
        for export in exports:
            export.start()
        for export in exports:
            export.join(max(0.0, deadline - time.monotonic()))
        self._flush_was_late = time.monotonic() >= deadline

    def shutdown(self, timeout_s: float = SHUTDOWN_S) -> None:
        """Export what waits and stop, within `timeout_s` even if the collector does not answer; again does nothing."""
        if not self._stands:
            return
        self._stands = False
        self._end_registration()
        if self._flush_was_late:
            timeout_s = min(timeout_s, _AFTER_A_LATE_FLUSH_S)
        deadline = time.monotonic() + timeout_s
        for background in self._backgrounds:
            background.stop()
        self._close.set()
        self._reader.close()
        self._closed.wait(timeout_s)
        self._reader.join(max(0.0, deadline - time.monotonic()))
        self._providers.switch.target = None
        process.put(Pipeline, None)
        for source in self._sources:
            self._providers.gauges.remove(source)
        self._providers.meter_provider.remove_metric_reader(self._reader)

    def _renew(self) -> None:
        """Fresh threads; whatever they work on has been renewed before."""
        self._close, self._closed = threading.Event(), threading.Event()
        self._start_threads()

    def _start_threads(self) -> None:
        self._reader.start()
        # Stopping may wait on a collector that does not answer, and no thread can be made while the interpreter exits.
        threading.Thread(name="lapbell-shutdown", target=self._shut_processor_down, daemon=True).start()
        for background in self._backgrounds:
            background.start()

    def _shut_processor_down(self) -> None:
        close, closed = self._close, self._closed
        close.wait()
        with contained("shutdown"):
            self._processor.shutdown()
        self._providers.flush_readers(FLUSH_S)
        closed.set()
