"""What travels with a message: the trace it belongs to and when it was queued, in one field of its payload."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import Link

from lapbell import semconv

__all__ = ["Origin", "carry", "origin_of"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a message comes from.

    Attributes:
        links: to the span that queued it; empty if the message carries none.
        queued_at: Unix seconds, None if the message does not say.
    """

    links: tuple[Link, ...]
    queued_at: float | None


def carry(payload: Mapping[str, Any], queued_at: float) -> dict[str, Any]:
    """A copy of the payload that carries the current span and the time; the added field is plain JSON.

    Args:
        payload: the message's own fields.
        queued_at: Unix seconds.
    """
    carrier: dict[str, Any] = {}
    propagate.inject(carrier)
    carrier.pop("baggage", None)
    return {**payload, semconv.MESSAGE_FIELD: {**carrier, semconv.MESSAGE_TIME_FIELD: queued_at}}


def origin_of(payload: Mapping[str, Any]) -> Origin:
    """What `carry` added to a payload, as far as it is there and makes sense."""
    carried = payload.get(semconv.MESSAGE_FIELD)
    if not isinstance(carried, Mapping):
        return Origin((), None)
    texts = {key: value for key, value in carried.items() if isinstance(value, str)}
    context = trace.get_current_span(propagate.extract(texts, Context())).get_span_context()
    queued_at = carried.get(semconv.MESSAGE_TIME_FIELD)
    return Origin(
        (Link(context),) if context.is_valid else (), float(queued_at) if isinstance(queued_at, int | float) else None
    )
