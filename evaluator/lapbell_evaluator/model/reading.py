"""What a room says about itself."""

from dataclasses import dataclass
from enum import StrEnum

from lapbell_evaluator.model.labels import Labels

__all__ = ["Reading", "ReadingKind"]


class ReadingKind(StrEnum):
    """Whether a reading only grows."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Reading:
    """One number of the evaluator's own telemetry, as it stands now.

    Attributes:
        name: OpenTelemetry's, from `lapbell.semconv`.
        kind: counter or gauge.
        unit: UCUM.
        value: since the start if a counter.
        help: one sentence.
        attributes: OpenTelemetry names and values, sorted.
    """

    name: str
    kind: ReadingKind
    unit: str
    value: float
    help: str
    attributes: Labels = ()
