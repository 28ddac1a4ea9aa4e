"""The one door to the SDK's spans: nobody else imports `opentelemetry.sdk.trace`, and import-linter holds that.

Whoever makes spans faster replaces what stands here: the span, its provider, its sampler and the batches that leave.
The rest of the library knows them by these names, and makes spans at `seam`.
"""

# ruff: noqa: E402 - the order matters, as said below
import os
import random
from collections.abc import Mapping, Sequence
from typing import Any

from lapbell.sdk_variables import drop_nonsense

# Before the SDK is imported, which raises for some of its variables while it is.
drop_nonsense(os.environ)

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status
from opentelemetry.util.types import Attributes

__all__ = [
    "BatchSpanProcessor",
    "ConsoleSpanExporter",
    "Decision",
    "Event",
    "ReadableSpan",
    "Sampler",
    "SamplingResult",
    "Span",
    "SpanExportResult",
    "SpanExporter",
    "SpanProcessor",
    "TraceIdRatioBased",
    "TracerProvider",
    "attributes_of",
    "finished_span",
    "is_live_server_span",
    "new_tracer_provider",
    "set_times",
    "span_copy",
    "update_resource",
]


def new_tracer_provider(sampler: Sampler, resource: Resource) -> TracerProvider:
    """A provider that lapbell shuts down itself."""
    return TracerProvider(sampler, resource, shutdown_on_exit=False)


def update_resource(provider: TracerProvider, resource: Resource) -> None:
    """Let the spans that start from now on have these attributes too; the SDK does so itself after a fork."""
    provider._update_resource(resource)  # noqa: SLF001 - as above


def is_live_server_span(span: object) -> bool:
    """Whether a span is one of the SDK's SERVER spans and has not ended."""
    return isinstance(span, Span) and span.is_recording() and span.kind is SpanKind.SERVER


def set_times(span: ReadableSpan, start_ns: int, end_ns: int | None = None) -> None:
    """Let a span have started, and ended, at these times (Unix nanoseconds); the SDK asks the machine's clock alone."""
    span._start_time = start_ns  # noqa: SLF001 - as above
    if end_ns is not None:
        span._end_time = end_ns  # noqa: SLF001 - as above


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """A span's attributes as a dict: to ask the SDK's own mapping for what is not there costs an exception."""
    attributes = span.attributes
    if isinstance(attributes, BoundedAttributes):
        return dict(attributes.copy())
    return dict(attributes or {})


def finished_span(
    name: str,
    scope: str,
    root: ReadableSpan,
    parent: SpanContext,
    start_ns: int,
    end_ns: int,
    attributes: Mapping[str, str | float],
    events: Sequence[Event] = (),
) -> ReadableSpan:
    """An INTERNAL span that nobody has started: in the trace of a root, made afterwards from what was seen of it.

    Args:
        name: its name.
        scope: its instrumentation scope.
        root: whose resource it has.
        parent: the context of its parent.
        start_ns: Unix nanoseconds.
        end_ns: Unix nanoseconds.
        attributes: its attributes.
        events: its events.
    """
    context = SpanContext(parent.trace_id, random.getrandbits(64), False, parent.trace_flags, parent.trace_state)
    return ReadableSpan(
        name,
        context,
        parent,
        root.resource,
        attributes,
        events,
        (),
        SpanKind.INTERNAL,
        start_time=start_ns,
        end_time=end_ns,
        instrumentation_scope=InstrumentationScope(scope),
    )


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
