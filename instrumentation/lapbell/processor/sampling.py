"""Exact numbers under sampling: every span is recorded, few are exported, and the slow and failed ones always are."""

from dataclasses import dataclass

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import AlwaysRecordSampler, ParentBasedTraceIdRatio, Sampler
from opentelemetry.trace import SpanContext, TraceFlags

from lapbell.span_copy import span_copy

__all__ = ["TailRule", "as_sampled", "sampled", "sampler"]


@dataclass(frozen=True, slots=True)
class TailRule:
    """Decides when the root of a trace has ended whether it is exported although the head's decision was not to.

    Attributes:
        slow_s: seconds from which a request is slow.
        most_held: spans that wait for a decision per trace; those beyond are exported by the head's decision.
    """

    slow_s: float
    most_held: int = 1_000

    def keeps(self, *, duration_s: float, failed: bool, head: bool) -> bool:
        """Whether the trace is exported."""
        return head or failed or duration_s >= self.slow_s


def sampler(ratio: str | float | None = None) -> Sampler:
    """The sampler named `lapbell`: records always, exports a ratio of the traces unless the sender has decided.

    Args:
        ratio: 0 to 1, as a number or as the text of `OTEL_TRACES_SAMPLER_ARG`; all if missing.
    """
    return AlwaysRecordSampler(ParentBasedTraceIdRatio(1.0 if ratio in (None, "") else float(ratio)))


def sampled(context: SpanContext) -> SpanContext:
    """The same context with the sampled flag, which exporters ask for."""
    if context.trace_flags.sampled:
        return context
    flags = TraceFlags(context.trace_flags | TraceFlags.SAMPLED)
    return SpanContext(context.trace_id, context.span_id, context.is_remote, flags, context.trace_state)


def as_sampled(span: ReadableSpan) -> ReadableSpan:
    """A copy of a finished span that an exporter accepts."""
    context = span.context
    if context is None or context.trace_flags.sampled:
        return span
    return span_copy(span, context=sampled(context))
