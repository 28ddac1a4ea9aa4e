"""Turns the spans of a process into the statistics of webhooks and Redis, and decides which traces are exported."""

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from lapbell import faults, semconv
from lapbell.event_loop import Block
from lapbell.faults import harmless
from lapbell.instruments import Attributes
from lapbell.observations import Observer, RedisOperation, Webhook
from lapbell.process import process
from lapbell.processor.active_request import ActiveRequest, SpansOfRequest
from lapbell.processor.active_requests import ActiveRequests
from lapbell.processor.active_tasks import ActiveTasks
from lapbell.processor.failure import with_exception
from lapbell.processor.open_trace import OpenTrace, is_redis
from lapbell.processor.pending import pending_span
from lapbell.processor.redis_span import is_empty_pipeline, is_idle_wait, redis_metric_attributes, redis_operation
from lapbell.processor.rules import Rules
from lapbell.processor.sampling import TailRule, as_sampled, sampled
from lapbell.processor.waits import waits
from lapbell.processor.webhook import Part, Statistics, webhook_of
from lapbell.seam import Seam
from lapbell.tracing import ReadableSpan, Span, SpanProcessor, attributes_of, span_copy

__all__ = ["WebhookProcessor"]

BlocksOf: TypeAlias = Callable[[int, int, int], Sequence[Block]]
"""From a thread's id and a time (Unix nanoseconds) to the blocks of its event loop in that time."""

_URGENT: Final = frozenset({semconv.OUTCOME_ERROR, semconv.OUTCOME_ABANDONED})


def _no_blocks(_thread: int, _start_ns: int, _end_ns: int) -> Sequence[Block]:
    """Nobody watches an event loop."""
    return ()


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
        blocks_of: the times in which a thread's event loop did not run.
        timeouts_s: longest time that processing a message may take, by destination.

    Attributes:
        requests: those that run.
    """

    def __init__(
        self,
        seam: Seam,
        rules: Rules,
        tail: TailRule,
        downstream: SpanProcessor | None,
        request_export: Callable[[], None],
        observers: Sequence[Observer] = (),
        blocks_of: BlocksOf = _no_blocks,
        timeouts_s: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._seam = seam
        self._rules = rules
        self._tail = tail
        self._downstream = downstream
        self._request_export = request_export
        self.observers = tuple(observers)
        self._blocks_of = blocks_of
        self._statistics = Statistics(seam, rules.limits)
        self._open: dict[int, OpenTrace] = {}
        self.requests = ActiveRequests(rules, self, request_export)
        self._tasks = ActiveTasks(timeouts_s, self._show)
        process.register(renew_after_fork=self._renew)

    def _renew(self) -> None:
        """A request that was running at the fork is the parent's to measure."""
        self._open.clear()
        self._tasks.clear()

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
            if span.kind is SpanKind.CONSUMER:
                self._tasks.begin(trace)

    def _forget(self, trace: OpenTrace, _root: "weakref.ref[Span]") -> None:
        trace.root = None
        self._tasks.end(trace)
        for span_id in trace.ids:
            self._open.pop(span_id, None)

    def _end(self, span: ReadableSpan) -> None:
        if span.context is None:
            return
        trace = self._open.get(span.context.span_id)
        if is_redis(span):
            operation = redis_operation(span)
            if is_empty_pipeline(operation):
                return
            if is_idle_wait(operation) and (trace is None or trace.root_id == span.context.span_id):
                # A trace of nothing but waiting for work: measured, and not worth a trace.
                self._measure(operation, span)
                return
            span = self._redis(operation, span)
        elif trace is not None:
            trace.note(span)
        if trace is not None and trace.root_id == span.context.span_id:
            self._finish(trace, span)
        else:
            self._forward(trace, span)

    def open_trace(self, span_id: int) -> OpenTrace | None:
        """The open trace that a span belongs to."""
        return self._open.get(span_id)

    def missed(self, provider: str, route: str, threshold: str) -> None:
        """A running webhook has passed a threshold."""
        self._statistics.missed(provider, route, threshold)

    def sweep(self) -> None:
        """Judge what runs by its age; called some eight times a second, on a thread of its own."""
        self.requests.sweep()
        self._tasks.sweep(self.requests.unix_ns())

    @harmless("pending spans")
    def snapshot(self, request: ActiveRequest, provider: str, route: str, now_ns: int) -> None:
        """Export the open spans of an overdue webhook; its trace will be exported, because it is slow already."""
        if request.trace is not None and request.span is not None:
            names = {semconv.WEBHOOK_PROVIDER: provider, semconv.HTTP_ROUTE: route}
            named = {name: value for name, value in names.items() if value}
            self._show(request.trace, request.span, named, now_ns)

    @harmless("pending spans")
    def _show(self, trace: SpansOfRequest, root: ReadableSpan, names: Mapping[str, str], now_ns: int) -> None:
        if self._downstream is None:
            return
        pending = pending_span(root, list(trace.spans), names, now_ns)
        if pending is not None:
            self._downstream.on_end(as_sampled(pending))

    @harmless("abandoned request")
    def abandoned(self, request: ActiveRequest) -> None:
        """The client of a running request went away: for the provider it is over, so it is measured now."""
        trace, root = self._open.get(request.span_id), request.span
        if trace is None or root is None:
            return
        if route := request.route_of():
            root.set_attribute(semconv.HTTP_ROUTE, route)
        trace.webhook = self._webhook(trace, root, request, request.abandoned_ns or 0)

    def _measure(self, operation: RedisOperation, span: ReadableSpan) -> Attributes:
        attributes = redis_metric_attributes(operation)
        self._seam.record(semconv.DB_CLIENT_OPERATION_DURATION, operation.duration_s, attributes, _marked(span))
        for observer in self.observers:
            observer.redis(operation)
        return attributes

    def _redis(self, operation: RedisOperation, span: ReadableSpan) -> ReadableSpan:
        attributes = self._measure(operation, span)
        if operation.is_named and not operation.error_type:
            return span
        exported = {**attributes_of(span), **attributes}
        if operation.batch_size:
            exported[semconv.DB_OPERATION_BATCH_SIZE] = operation.batch_size
        return span_copy(span, name=operation.name, attributes=exported)

    def _finish(self, trace: OpenTrace, root: ReadableSpan) -> None:
        """The root has ended: measure the webhook, decide about its trace, let go of what waited for that."""
        request, trace.request = trace.request, None
        if request is not None and request.error is not None:
            root, request.error = with_exception(root, request.error), None
        webhook = trace.webhook
        if webhook is None:
            end_ns = (request.answered_ns if request is not None else None) or root.end_time or 0
            webhook = self._webhook(trace, root, request, end_ns)
        if webhook is not None:
            names = {
                semconv.WEBHOOK_PROVIDER: webhook.provider,
                semconv.WEBHOOK_OUTCOME: webhook.outcome,
                semconv.WEBHOOK_EVENT_TYPE: webhook.event_type,
            }
            named = {name: value for name, value in names.items() if value}
            root = span_copy(root, attributes=attributes_of(root) | named)
        held = [*trace.held, root]
        trace.spans, trace.held = [], []
        for span in held:
            self._forward(trace, span)

    def _webhook(
        self, trace: OpenTrace, root: ReadableSpan, request: ActiveRequest | None, end_ns: int
    ) -> Webhook | None:
        """Measure a request that is over for its client, and decide about its trace; None if it is no webhook."""
        is_server = root.kind is SpanKind.SERVER
        abandoned = request is not None and request.abandoned_ns is not None
        duration_s = (end_ns - (root.start_time or 0)) / 1e9 if is_server else 0.0
        failed = abandoned or root.status.status_code is StatusCode.ERROR or trace.outcome == semconv.OUTCOME_ERROR
        trace.is_exported = self._tail.keeps(duration_s=duration_s, failed=failed, head=trace.head)
        missed = self.requests.settle(request) if request is not None else frozenset()
        parts = self._parts(trace, root, request, end_ns) if is_server else []
        webhook = webhook_of(root, trace, end_ns, parts, self._rules, abandoned=abandoned) if is_server else None
        if webhook is None:
            return None
        self._statistics.record(webhook, root, parts, _EXEMPLARS[trace.head, trace.is_exported], missed)
        for observer in self.observers:
            observer.webhook(webhook)
        if webhook.outcome in _URGENT or webhook.duration_s > self._rules.limits.targets_s[0]:
            self._request_export()
        return webhook

    def _parts(self, trace: OpenTrace, root: ReadableSpan, request: ActiveRequest | None, end_ns: int) -> list[Part]:
        """The spans under a root with their phases, those made for waiting on the event loop included."""
        parts = trace.parts()
        blocks = self._blocks_of(request.thread, root.start_time or 0, end_ns) if request is not None else ()
        others = [block for block in blocks if request is None or block.request != request.span_id]
        if others:
            waiting = list(waits(root, end_ns, parts, others, trace.elsewhere))
            trace.held += waiting
            parts += [(span, semconv.PHASE_EVENT_LOOP) for span in waiting]
        return parts

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


def _by_tail_rule(span: ReadableSpan) -> SpanContext | None:
    """Where a span is found that is exported by the tail rule."""
    return sampled(span.context) if span.context is not None else None


def _nowhere(_span: ReadableSpan) -> SpanContext | None:
    """The trace is not exported."""
    return None


_EXEMPLARS: Final[Mapping[tuple[bool, bool], Callable[[ReadableSpan], SpanContext | None]]] = {
    (True, True): _itself,
    (False, True): _by_tail_rule,
    (False, False): _nowhere,
}
"""By the head's decision and the tail rule's."""
