"""A finished span cannot be changed; what leaves the process is a copy of it."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext, Status
from opentelemetry.util.types import Attributes

__all__ = ["attributes_of", "span_copy"]


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes as a dict: to ask the SDK's own mapping for what is not there costs an exception."""
    attributes = span.attributes
    if isinstance(attributes, BoundedAttributes):
        return dict(attributes.copy())
    return dict(attributes or {})


def span_copy(
    span: ReadableSpan,
    *,
    name: str | None = None,
    context: SpanContext | None = None,
    attributes: Attributes = None,
    events: Sequence[Event] | None = None,
    links: Sequence[Link] | None = None,
    status: Status | None = None,
) -> ReadableSpan:
    """The span with some of its parts replaced."""
    return ReadableSpan(
        span.name if name is None else name,
        context or span.context,
        span.parent,
        span.resource,
        span.attributes if attributes is None else attributes,
        span.events if events is None else events,
        span.links if links is None else links,
        span.kind,
        status=status or span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
