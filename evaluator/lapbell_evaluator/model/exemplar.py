"""Exemplars: single measurements behind a series, with the traces in which they were made."""

from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model.labels import Labels

__all__ = ["SPAN_ID", "TRACE_ID", "Exemplar", "SeriesExemplars"]

TRACE_ID: Final = "trace_id"
SPAN_ID: Final = "span_id"
"""The labels that lead to a trace. Source: OpenTelemetry specification, metrics data model, "Exemplars"."""


@dataclass(frozen=True, slots=True, order=True)
class Exemplar:
    """A measurement; in the order of time.

    Attributes:
        time_ms: Unix milliseconds.
        value: what was measured, in the unit of its metric; never NaN, which would equal nothing, itself included.
        labels: of the exemplar alone: ids in hex, and the attributes that its series leaves out.
    """

    time_ms: int
    value: float
    labels: Labels


@dataclass(frozen=True, slots=True)
class SeriesExemplars:
    """Exemplars of one series.

    Attributes:
        labels: of the series.
        exemplars: in the order of time.
    """

    labels: Labels
    exemplars: tuple[Exemplar, ...]
