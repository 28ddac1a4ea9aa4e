"""A request that is still running, as its process sees it."""

import functools
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.trace import SpanKind

from lapbell import semconv
from lapbell.breakdown import Piece, phase_of_name, self_times
from lapbell.observations import Webhook
from lapbell.processor.active_request import ActiveRequest
from lapbell.tracing import ReadableSpan, Span, attributes_of

__all__ = ["OpenTrace", "is_redis", "phase_of", "phases_ns", "pieces_of"]

MOST_SPANS: Final = 2_000
"""Spans kept per request; the time of later ones goes to their parents, so an endless request stays bounded."""


_MARKED_EARLY: Final = 4


@dataclass(slots=True, eq=False)
class OpenTrace:
    """The spans under one local root, in the order they started.

    Attributes:
        root_id: the root's span id.
        head: whether the head's decision was to export it.
        root: the root itself, for as long as somebody else keeps it.
        ids: the spans that are found by their ids, the root included.
        spans: started spans under the root, the root itself excluded.
        held: ended spans that wait for the tail rule.
        provider: `webhook.provider` of a span of the request, empty if none has it.
        outcome: `webhook.outcome` of a span of the request, empty if none has it.
        event_type: `webhook.event.type` of a span of the request, empty if none has it.
        elsewhere: ids of the spans that were started on another thread than that of the request's event loop.
        request: the request behind the root, if it came through our middleware.
        webhook: what was measured when the client went away, None if it did not.
        is_exported: what the tail rule decided; None while the root runs.
    """

    root_id: int
    head: bool
    root: "weakref.ref[Span] | None" = None
    ids: list[int] = field(default_factory=list)
    spans: list[ReadableSpan] = field(default_factory=list)
    held: list[ReadableSpan] = field(default_factory=list)
    provider: str = ""
    outcome: str = ""
    event_type: str = ""
    elsewhere: set[int] = field(default_factory=set)
    request: ActiveRequest | None = None
    webhook: Webhook | None = None
    is_exported: bool | None = None

    def add(self, span_id: int, span: ReadableSpan | None = None) -> bool:
        """Remember a span that has started, the root as None; False if there are too many already."""
        if len(self.ids) > MOST_SPANS:
            return False
        self.ids.append(span_id)
        if span is not None and self.is_exported is None:
            self.spans.append(span)
            if self.request is not None and self.request.thread != threading.get_ident():
                self.elsewhere.add(span_id)
        return True

    def note(self, span: ReadableSpan) -> None:
        """Take over what a finished span of the request says about the webhook."""
        if not span.attributes:
            return
        attributes = attributes_of(span)
        if provider := attributes.get(semconv.WEBHOOK_PROVIDER):
            self.provider = str(provider)
        if outcome := attributes.get(semconv.WEBHOOK_OUTCOME):
            self.outcome = str(outcome)
        if event_type := attributes.get(semconv.WEBHOOK_EVENT_TYPE):
            self.event_type = str(event_type)

    def marked_provider(self, root: ReadableSpan | None) -> str:
        """What a span that runs says about `webhook.provider`, empty if none does; whoever marks does so early."""
        for span in (root, *self.spans[:_MARKED_EARLY]):
            if span is not None and span.attributes and semconv.WEBHOOK_PROVIDER in span.attributes:
                return str(span.attributes[semconv.WEBHOOK_PROVIDER])
        return self.provider

    def parts(self) -> list[tuple[ReadableSpan, str | None]]:
        """The spans under the root, each with the phase that it stands for."""
        return [(span, phase_of(span)) for span in self.spans]


def phases_ns(root: ReadableSpan, end_ns: int, parts: Sequence[tuple[ReadableSpan, str | None]]) -> dict[str, int]:
    """Nanoseconds by phase; they sum to the time from the root's start to `end_ns`.

    Args:
        root: the SERVER span.
        end_ns: when the last chunk of the response left, Unix nanoseconds.
        parts: the spans under the root, each with its phase.
    """
    return self_times(*pieces_of(root, end_ns, parts))


def pieces_of(
    root: ReadableSpan, end_ns: int, parts: Sequence[tuple[ReadableSpan, str | None]]
) -> tuple[Piece, list[Piece]]:
    """What attribution needs of a request: its root, ended, and the spans under it with their phases."""
    return Piece(root.context and root.context.span_id, None, root.start_time or 0, end_ns), [
        Piece(span.context.span_id, span.parent.span_id, span.start_time or 0, span.end_time, phase)
        for span, phase in parts
        if span.context is not None and span.parent is not None
    ]


def phase_of(span: ReadableSpan) -> str | None:
    """The phase that a span stands for, None if it stands for none."""
    if is_redis(span):
        return semconv.PHASE_REDIS_OPERATION
    return _phase_of_name(span.name, span.kind is SpanKind.PRODUCER)


@functools.lru_cache(maxsize=1_024)
def _phase_of_name(name: str, is_producer: bool) -> str | None:  # noqa: FBT001 - a key of the cache
    return phase_of_name(name, is_producer=is_producer)


def is_redis(span: ReadableSpan) -> bool:
    """Whether the span was made by Redis' instrumentation."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == semconv.REDIS_INSTRUMENTATION_SCOPE
