"""Turns the spans of a process into the statistics of webhooks and Redis, and decides which traces are exported."""

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from lapbell import faults, semconv
from lapbell.faults import harmless
from lapbell.observations import Observer
from lapbell.process import process
from lapbell.processor.open_trace import OpenTrace, is_redis
from lapbell.processor.redis_span import redis_metric_attributes, redis_operation
from lapbell.processor.rules import Rules
from lapbell.processor.sampling import TailRule, as_sampled, sampled
from lapbell.processor.webhook import Statistics, webhook_of
from lapbell.seam import Seam
from lapbell.tracing import ReadableSpan, Span, SpanProcessor, attributes_of, span_copy

__all__ = ["WebhookProcessor"]


class WebhookProcessor(SpanProcessor):
    """Derives metrics from finished spans and forwards those that are to be exported.

    It must see every span, exported or not: `sampler` records them all. Nothing it does can raise into the app.

    Args:
        seam: where values are recorded.
        rules: which requests are webhooks, and their targets.
        tail: which traces are exported although the head's decision was not to.
        downstream: receives what is exported; None if somebody else exports.
        request_export: asks for an export soon, called when a webhook misses a target or fails.
        observers: see every measurement.
    """

    def __init__(
        self,
        seam: Seam,
        rules: Rules,
        tail: TailRule,
        downstream: SpanProcessor | None,
        request_export: Callable[[], None],
        observers: Sequence[Observer] = (),
    ) -> None:
        self._seam = seam
        self._rules = rules
        self._tail = tail
        self._downstream = downstream
        self._request_export = request_export
        self.observers = tuple(observers)
        self._statistics = Statistics(seam, rules.targets_s)
        self._open: dict[int, OpenTrace] = {}
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """A request that was running at the fork is the parent's to measure."""
        self._open.clear()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's signature
        """Remember whose span this is."""
        try:
            self._start(span)
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with us is not the app's fault
            faults.report("span start", fault)

    def on_end(self, span: ReadableSpan) -> None:
        """Measure a finished span, and forward it if it is to be exported."""
        try:
            self._end(span)
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with us is not the app's fault
            faults.report("span end", fault)

    def _start(self, span: Span) -> None:
        context, parent = span.get_span_context(), span.parent
        span_id, is_server = context.span_id, span.kind is SpanKind.SERVER
        trace = self._open.get(parent.span_id) if parent is not None and not parent.is_remote else None
        if trace is not None and trace.add(span_id, span) and not is_server:
            self._open[span_id] = trace
        elif trace is None or is_server:
            trace = OpenTrace(span_id, context.trace_flags.sampled)
            # The root alone keeps its trace: when it is gone, ended or lost, so is everything below it.
            trace.root = weakref.ref(span, functools.partial(self._forget, trace))
            trace.add(span_id)
            self._open[span_id] = trace

    def _forget(self, trace: OpenTrace, _root: "weakref.ref[Span]") -> None:
        trace.root = None
        for span_id in trace.ids:
            self._open.pop(span_id, None)

    def _end(self, span: ReadableSpan) -> None:
        if span.context is None:
            return
        trace = self._open.get(span.context.span_id)
        if is_redis(span):
            span = self._redis(span)
        elif trace is not None:
            trace.note(span)
        if trace is not None and trace.root_id == span.context.span_id:
            self._finish(trace, span)
        else:
            self._forward(trace, span)

    def answered(self, context: SpanContext, at_ns: int) -> None:
        """The last chunk of a response has left, though the SERVER span of its request may run on."""
        trace = self._open.get(context.span_id)
        if trace is not None and trace.answered_ns is None:
            trace.answered_ns = at_ns

    def _redis(self, span: ReadableSpan) -> ReadableSpan:
        operation = redis_operation(span)
        attributes = redis_metric_attributes(operation)
        self._seam.record(semconv.DB_CLIENT_OPERATION_DURATION, operation.duration_s, attributes, _marked(span))
        for observer in self.observers:
            observer.redis(operation)
        if operation.is_named and not operation.error_type:
            return span
        exported = {**attributes_of(span), **attributes}
        if operation.batch_size:
            exported[semconv.DB_OPERATION_BATCH_SIZE] = operation.batch_size
        return span_copy(span, name=operation.name, attributes=exported)

    def _finish(self, trace: OpenTrace, root: ReadableSpan) -> None:
        """The root has ended: measure the webhook, decide about its trace, let go of what waited for that."""
        end_ns = trace.answered_ns or root.end_time or 0
        duration_s = (end_ns - (root.start_time or 0)) / 1e9 if root.kind is SpanKind.SERVER else 0.0
        failed = root.status.status_code is StatusCode.ERROR or trace.outcome == semconv.OUTCOME_ERROR
        trace.is_exported = self._tail.keeps(duration_s=duration_s, failed=failed, head=trace.head)
        parts = trace.parts() if root.kind is SpanKind.SERVER else []
        webhook = webhook_of(root, trace, end_ns, parts, self._rules) if root.kind is SpanKind.SERVER else None
        if webhook is not None:
            self._statistics.record(webhook, root, parts, _EXEMPLARS[trace.head, trace.is_exported])
            for observer in self.observers:
                observer.webhook(webhook)
            if webhook.outcome == semconv.OUTCOME_ERROR or webhook.duration_s > self._rules.targets_s[0]:
                self._request_export()
            findings = {semconv.WEBHOOK_PROVIDER: webhook.provider, semconv.WEBHOOK_OUTCOME: webhook.outcome}
            named = {name: value for name, value in findings.items() if value}
            root = span_copy(root, attributes=attributes_of(root) | named)
        held = [*trace.held, root]
        trace.spans, trace.held = [], []
        for span in held:
            self._forward(trace, span)

    def _forward(self, trace: OpenTrace | None, span: ReadableSpan) -> None:
        if self._downstream is None:
            return
        if trace is None or trace.head:
            self._downstream.on_end(span)
        elif trace.is_exported:
            self._downstream.on_end(as_sampled(span))
        elif trace.is_exported is None and len(trace.held) < self._tail.most_held:
            trace.held.append(span)

    @harmless("shutdown")
    def shutdown(self) -> None:
        """Shut down whoever exports."""
        if self._downstream is not None:
            self._downstream.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what waits."""
        return self._downstream is None or self._downstream.force_flush(timeout_millis)


def _marked(span: ReadableSpan) -> SpanContext | None:
    """Where a span is found, None if the head's decision was not to export it."""
    return span.context if span.context is not None and span.context.trace_flags.sampled else None


def _itself(span: ReadableSpan) -> SpanContext | None:
    """Where a span is found that is exported by the head's decision."""
    context: SpanContext | None = span.context
    return context


def _kept(span: ReadableSpan) -> SpanContext | None:
    """Where a span is found that is exported by the tail rule."""
    return sampled(span.context) if span.context is not None else None


def _nowhere(_span: ReadableSpan) -> SpanContext | None:
    """The trace is not exported."""
    return None


_EXEMPLARS: Final[Mapping[tuple[bool, bool], Callable[[ReadableSpan], SpanContext | None]]] = {
    (True, True): _itself,
    (False, True): _kept,
    (False, False): _nowhere,
}
"""By the head's decision and the tail rule's."""
