"""A finished span, as evidence sees it."""

from dataclasses import dataclass
from typing import Final

from lapbell import semconv

__all__ = ["CLIENT", "CONSUMER", "INTERNAL", "KEPT_ATTRIBUTES", "PRODUCER", "SERVER", "Span"]

INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3
PRODUCER: Final = 4
CONSUMER: Final = 5

KEPT_ATTRIBUTES: Final = frozenset(
    {
        semconv.HTTP_ROUTE,
        semconv.HTTP_RESPONSE_STATUS_CODE,
        semconv.WEBHOOK_PROVIDER,
        semconv.WEBHOOK_OUTCOME,
        semconv.WEBHOOK_PHASE_NAME,
        semconv.ERROR_TYPE,
        semconv.DB_SYSTEM_NAME,
        semconv.DB_SYSTEM,
        semconv.DB_OPERATION_NAME,
        semconv.DB_RESPONSE_STATUS_CODE,
    }
)
"""What evidence reads; the rest is not kept, because memory is bounded and nothing personal belongs here."""


@dataclass(frozen=True, slots=True)
class Span:
    """A finished span of one service.

    Attributes:
        trace_id: 32 hex digits.
        span_id: 16 hex digits.
        parent_id: 16 hex digits, empty for the first span of a trace.
        name: low-cardinality name.
        kind: OpenTelemetry's number, see the constants of this module.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
        failed: its status is error.
        job: the sender, `namespace/name`.
        instance: which process of the sender.
        attributes: values as text, of `KEPT_ATTRIBUTES`.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    failed: bool
    job: str
    instance: str
    attributes: tuple[tuple[str, str], ...]

    def attribute(self, name: str) -> str:
        """The value of an attribute, empty if absent."""
        return next((value for key, value in self.attributes if key == name), "")

    @property
    def duration_s(self) -> float:
        """Seconds from start to end, never negative."""
        return max(0, self.end_ns - self.start_ns) / 1e9

    @property
    def end_s(self) -> float:
        """Unix seconds of its end."""
        return self.end_ns / 1e9
