"""The metric reader: quiet when healthy, fast when it matters."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value
from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.view import Aggregation, ExplicitBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from lapbell import faults
from lapbell.faults import contained
from lapbell.in_time import in_time
from lapbell.ledger import Ledger
from lapbell.private_metrics import without_personal_series
from lapbell.process import ForkSafeLock, process
from lapbell.seam import SCOPE
from lapbell.unsent import Unsent

__all__ = ["PacedReader", "Preferences"]

SOON_S: Final = 0.05
"""An export that is asked for starts after this time, so that what happens together leaves together."""
LEAST_APART_S: Final = 0.25
"""At most four exports a second."""
SHUTDOWN_S: Final = 0.5
"""An exporter that takes longer to let go is left behind."""
SUSPECT_AFTER: Final = 3
"""Deltas that were not taken so often are sent apart from later ones, lest what is refused keeps all others back."""

GIVEN_UP_AFTER: Final = 3
"""So often they may be refused while others are taken."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """How an exporter wants its metrics, by SDK instrument class."""

    temporality: Mapping[type, AggregationTemporality] = field(default_factory=dict)
    aggregation: Mapping[type, Aggregation] = field(default_factory=dict)

    @property
    def are_usual(self) -> bool:
        """Whether histograms and counters are cumulative, and histograms have the bounds that we give them."""
        cumulative = AggregationTemporality.CUMULATIVE
        deltas = [kind for kind in (Counter, Histogram) if self.temporality.get(kind, cumulative) is not cumulative]
        histogram = self.aggregation.get(Histogram)
        return not deltas and (histogram is None or isinstance(histogram, ExplicitBucketHistogramAggregation))


class PacedReader(MetricReader):
    """Exports every `interval_s`, and within 100 ms when `request_export` is called, at most four times a second.

    Args:
        build_exporter: makes the exporter, on the reader's own thread at the first export of each process: connections
            and locks do not survive a fork. None exports nothing; observers see the metrics all the same.
        interval_s: seconds between exports.
        preferences: of the exporter.
        ledger: keeps metrics beside the SDK, exported with them.
        resource: of the metrics, asked at every export: a fork changes it.
    """

    def __init__(
        self,
        build_exporter: Callable[[], MetricExporter] | None,
        interval_s: float,
        preferences: Preferences,
        ledger: Ledger | None = None,
        resource: Callable[[], Resource] = Resource.get_empty,
    ) -> None:
        super().__init__(dict(preferences.temporality), dict(preferences.aggregation))
        self._build_exporter = build_exporter
        self._interval_s = interval_s
        self._ledger = ledger
        self._resource = resource
        self._collected: MetricsData | None = None
        self._exporter: MetricExporter | None = None
        self._inherited: MetricExporter | None = None
        self._is_shut = False
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._exporting = ForkSafeLock()
        self._unsent = Unsent()
        self._thread: threading.Thread | None = None
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        # Not closed, not even forgotten: a connection that another process owns must not be touched.
        self._inherited, self._exporter = self._exporter, None
        self._unsent = Unsent()
        self._closing = threading.Event()
        self._wake = threading.Event()

    def start(self) -> None:
        """Start the thread that exports; again in the child after a fork, never after a shutdown."""
        if self._is_shut:
            return
        self._thread = threading.Thread(name="lapbell-metrics", target=self._run, daemon=True)
        self._thread.start()

    def request_export(self) -> None:
        """Bring the next export forward."""
        self._wake.set()

    def close(self) -> None:
        """Export once more and end, without waiting for it."""
        self._closing.set()
        self._wake.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def shutdown(self, timeout_millis: float = 30_000, **_kwargs: Any) -> None:  # noqa: ANN401 - the SDK's signature
        """Export once more and end, within `timeout_millis`; again, or after `close`, it only lets the exporter go."""
        if self._is_shut:
            return
        self._is_shut = True
        if not self._closing.is_set():
            self.close()
            self.join(timeout_millis / 1_000)
        exporter = self._exporter
        if exporter is not None:
            in_time(
                "lapbell-shutdown", lambda: _shut(exporter, timeout_millis), min(SHUTDOWN_S, timeout_millis / 1_000)
            )

    def _run(self) -> None:
        closing, wake, last = self._closing, self._wake, time.monotonic()
        while not closing.is_set():
            wake.wait(max(0.0, last + self._interval_s - time.monotonic()))
            if wake.is_set():
                closing.wait(max(SOON_S, last + LEAST_APART_S - time.monotonic()))
                wake.clear()
            if closing.is_set():
                break
            last = time.monotonic()
            self._export()
        self._export()

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Export now, and wait for it no longer than `timeout_millis`; whether it was taken in time."""
        return not self._is_shut and in_time("lapbell-flush", self._export, timeout_millis / 1_000)

    def _export(self) -> bool:
        """Whether the export was taken; the next one may be, and the app goes on in any case."""
        is_taken = False
        token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
        try:
            with contained("metric export"), self._exporting:
                self._collected = None
                self.collect()
                everything = self._everything()
                private = None if everything is None else without_personal_series(everything)
                is_taken = self._export_with_unsent(private)
        finally:
            detach(token)
        return is_taken

    def _export_with_unsent(self, new: MetricsData | None) -> bool:
        unsent = self._unsent
        if unsent.failures >= SUSPECT_AFTER and unsent.count and new is not None and self._sent(new):
            self._send_apart(unsent)
            return True
        everything = unsent.with_next(new)
        if everything is None or self._sent(everything):
            unsent.clear()
            return True
        if new is not None:
            unsent.keep(new)
        if unsent.lost:
            faults.report("metrics lost", f"{unsent.lost} deltas found no room beside {unsent.count} that wait")
            unsent.lost = 0
        return False

    def _send_apart(self, unsent: Unsent) -> None:
        """Send what waits by itself, and give it up where it was refused too often while others were taken."""
        is_taken = self._sent(unsent.alone())
        unsent.refusals += not is_taken
        if unsent.refusals >= GIVEN_UP_AFTER:
            faults.report("metrics lost", f"{unsent.count} deltas were refused again and again while others were taken")
        if is_taken or unsent.refusals >= GIVEN_UP_AFTER:
            unsent.clear()

    def _sent(self, data: MetricsData) -> bool:
        """Whether the exporter took it; whatever it raises is a no."""
        if self._build_exporter is None:
            return True
        result = MetricExportResult.FAILURE
        with contained("metric export"):
            if self._exporter is None:
                self._exporter = self._build_exporter()
            result = self._exporter.export(data)
        return result is MetricExportResult.SUCCESS

    def _receive_metrics(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002 - the SDK's signature
        **_kwargs: Any,  # noqa: ANN401 - the SDK's signature
    ) -> None:
        self._collected = metrics_data

    def _everything(self) -> MetricsData | None:
        """What the SDK has collected, and the ledger with it."""
        collected, counted = self._collected, self._ledger.collect() if self._ledger is not None else []
        if not counted:
            return collected
        own = ScopeMetrics(InstrumentationScope(SCOPE), counted, "")
        if collected is None or not collected.resource_metrics:
            return MetricsData([ResourceMetrics(self._resource(), [own], "")])
        first, *others = collected.resource_metrics
        scopes = _joined(first.scope_metrics, own)
        return MetricsData([ResourceMetrics(first.resource, scopes, first.schema_url), *others])


def _shut(exporter: MetricExporter, timeout_millis: float) -> bool:
    with contained("metric exporter shutdown"):
        exporter.shutdown(timeout_millis)
    return True


def _joined(collected: Sequence[ScopeMetrics], own: ScopeMetrics) -> list[ScopeMetrics]:
    """All of it with one entry for each scope: of two entries for one scope, the encoder keeps the later alone."""
    same = [scope for scope in collected if scope.scope == own.scope]
    metrics = [metric for scope in (*same, own) for metric in scope.metrics]
    others = [scope for scope in collected if scope.scope != own.scope]
    return [*others, ScopeMetrics(own.scope, metrics, own.schema_url)]
