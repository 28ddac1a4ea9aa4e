"""The one place where lapbell makes spans and records values.

Whoever makes a span or records a number goes through here, so a cheaper way to do either needs to change this file
alone. Before `setup()` the seam stands on OpenTelemetry's global providers, which do nothing until somebody sets them.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import Link, Span, SpanContext, SpanKind

from lapbell import faults
from lapbell.instruments import DEFINITIONS, Attributes, Recorder, SdkRecorder
from lapbell.process import process

__all__ = ["SCOPE", "Seam", "current", "use", "watch"]

SCOPE: Final = "lapbell"
"""The instrumentation scope of our spans and metrics."""

Observe: TypeAlias = Callable[[CallbackOptions], Iterable[Observation]]


class Seam:
    """Makes spans and records values by the names of `semconv`.

    Args:
        tracer: makes the spans.
        recorder: keeps the histograms and counters.
    """

    def __init__(self, tracer: trace.Tracer, recorder: Recorder) -> None:
        self._tracer = tracer
        self._recorder = recorder

    def start_span(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        context: Context | None = None,
        attributes: Attributes | None = None,
        links: Sequence[Link] = (),
    ) -> Span:
        """A started span; whoever asked for it ends it."""
        return self._tracer.start_span(
            name, context, kind, attributes, links, record_exception=False, set_status_on_exception=False
        )

    def record(
        self, name: str, value: float, attributes: Attributes, exemplar: SpanContext | None = None, times: int = 1
    ) -> None:
        """One value of a histogram, and the span that it is about if that span is exported; `times` that value.

        All are durations: one that a clock set back made negative counts as 0, and what is no number not at all, for a
        sum that was NaN once stays it.
        """
        if not 0.0 <= value < math.inf:
            faults.report("measurement", f"{name} was {value!r} once")
            if not value < 0.0 or value == -math.inf:
                return
            value = 0.0
        self._recorder.record(name, value, attributes, exemplar, times)

    def count(self, name: str, amount: int, attributes: Attributes) -> None:
        """Add to a counter."""
        self._recorder.count(name, amount, attributes)


def watch(meter: metrics.Meter, name: str, observe: Observe) -> None:
    """Ask `observe` for the values of a gauge at every export; it must answer from memory, at once."""
    definition = DEFINITIONS[name]
    if definition.kind == "gauge":
        meter.create_observable_gauge(name, [observe], definition.unit, definition.description)
    else:
        meter.create_observable_up_down_counter(name, [observe], definition.unit, definition.description)


def current() -> Seam:
    """The seam in use: one on the API's global providers until `setup()` brings its own."""
    return process.obtain(Seam, _on_global_providers)


def use(seam: Seam) -> None:
    """Put a seam into use."""
    process.put(Seam, seam)


def _on_global_providers() -> Seam:
    return Seam(trace.get_tracer(SCOPE), SdkRecorder(metrics.get_meter(SCOPE), ()))
