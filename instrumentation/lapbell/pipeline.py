"""Everything between the providers and the wire: started, flushed, stopped, and whole again after a fork."""

import atexit
import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from opentelemetry.sdk.trace import SpanProcessor

from lapbell.gauges import Source
from lapbell.observations import Observer
from lapbell.processor import WebhookProcessor
from lapbell.providers import Providers
from lapbell.reader import PacedReader

__all__ = ["SHUTDOWN_S", "Background", "Pipeline", "standing_pipeline"]

SHUTDOWN_S: Final = 2.5
FLUSH_S: Final = 2.0
_AFTER_A_FAILED_FLUSH_S: Final = 0.5
"""Who did not answer a moment ago is not waited for in full again: flush and shutdown together keep to `SHUTDOWN_S`."""
_BEFORE_FORK_S: Final = 1.0
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
        self._holds = False
        self._flush_failed = False
        self._close = threading.Event()
        self._closed = threading.Event()

    def start(self) -> None:
        """Put it between the providers and the wire."""
        if _Standing.pipeline is not None:
            _Standing.pipeline.shutdown(_REPLACED_S)
        _Standing.pipeline = self
        for source in self._sources:
            self._providers.gauges.add(source)
        self._providers.meter_provider.add_metric_reader(self._reader)
        self._providers.switch.target = self._processor
        self._stands = True
        self._start_threads()
        atexit.register(self.shutdown)
        _survive_forks(self)

    @contextlib.contextmanager
    def observed_by(self, observer: Observer) -> Iterator[None]:
        """Let somebody see every measurement while a block runs."""
        self._processor.observers = (*self._processor.observers, observer)
        try:
            yield
        finally:
            self._processor.observers = tuple(each for each in self._processor.observers if each is not observer)

    @contextlib.contextmanager
    def seen_through(self, wrap: Callable[[SpanProcessor], SpanProcessor]) -> Iterator[None]:
        """Put something between the spans and the processor while a block runs."""
        self._providers.switch.target = wrap(self._processor)
        try:
            yield
        finally:
            self._providers.switch.target = self._processor if self._stands else None

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Export what waits and go on, after `timeout_s` even if the collector does not answer."""
        if not self._stands:
            return
        deadline = time.monotonic() + timeout_s
        exports = [
            threading.Thread(name="lapbell-flush", target=target, daemon=True)
            for target in (self._processor.force_flush, self._reader.force_flush)
        ]
        for export in exports:
            export.start()
        for export in exports:
            export.join(max(0.0, deadline - time.monotonic()))
        self._flush_failed = any(export.is_alive() for export in exports)

    def shutdown(self, timeout_s: float = SHUTDOWN_S) -> None:
        """Export what waits and stop, within `timeout_s` even if the collector does not answer; again does nothing."""
        if not self._stands:
            return
        self._stands = False
        atexit.unregister(self.shutdown)
        if self._flush_failed:
            timeout_s = min(timeout_s, _AFTER_A_FAILED_FLUSH_S)
        deadline = time.monotonic() + timeout_s
        for background in self._backgrounds:
            background.stop()
        self._close.set()
        self._reader.close()
        self._closed.wait(timeout_s)
        self._reader.join(max(0.0, deadline - time.monotonic()))
        self._providers.switch.target = None
        _Standing.pipeline = None
        for source in self._sources:
            self._providers.gauges.remove(source)
        self._providers.meter_provider.remove_metric_reader(self._reader)

    def before_fork(self) -> None:
        """Let no export be halfway when the process forks: its locks would stay held in the child."""
        self._holds = self._stands and self._reader.hold(_BEFORE_FORK_S)

    def after_fork_in_parent(self) -> None:
        """Go on."""
        if self._holds:
            self._reader.release()

    def after_fork_in_child(self) -> None:
        """Begin with empty totals and fresh threads; the parent's totals are the parent's to report."""
        if not self._stands:
            return
        self._reader.reset()
        self._providers.meter_provider.remove_metric_reader(self._reader)
        self._providers.meter_provider.add_metric_reader(self._reader)
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
        self._processor.shutdown()
        closed.set()


class _Standing:
    """Holds what the last `setup()` has put in place."""

    pipeline: Pipeline | None = None


def standing_pipeline() -> Pipeline | None:
    """What the last `setup()` has put in place, None if nothing stands."""
    return _Standing.pipeline


def _survive_forks(pipeline: Pipeline) -> None:
    standing = weakref.ref(pipeline)

    def call(method: Callable[[Pipeline], None]) -> None:
        target = standing()
        if target is not None:
            method(target)

    os.register_at_fork(
        before=lambda: call(Pipeline.before_fork),
        after_in_parent=lambda: call(Pipeline.after_fork_in_parent),
        after_in_child=lambda: call(Pipeline.after_fork_in_child),
    )
