"""What is known about a metric beside its samples."""

from dataclasses import dataclass

__all__ = ["Metadata"]


@dataclass(frozen=True, slots=True)
class Metadata:
    """As Prometheus' metadata API says it.

    Attributes:
        type: counter, gauge, histogram, summary, info or unknown.
        unit: as sent.
        help: the description.
    """

    type: str = "unknown"
    unit: str = ""
    help: str = ""
