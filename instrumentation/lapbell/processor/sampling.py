"""Exact numbers under sampling: every span is recorded, few are exported, and the slow and failed ones always are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState, get_current_span
from opentelemetry.util.types import Attributes

from lapbell import checks
from lapbell.tracing import Decision, ReadableSpan, Sampler, SamplingResult, TraceIdRatioBased, span_copy

__all__ = ["TailRule", "as_sampled", "sampled", "sampler"]

_MARKED: Final = Decision.RECORD_AND_SAMPLE
_UNMARKED: Final = Decision.RECORD_ONLY
_CHILD_MARKED: Final = SamplingResult(_MARKED, None, TraceState())
_CHILD_UNMARKED: Final = SamplingResult(_UNMARKED, None, TraceState())


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


class AlwaysRecord(Sampler):
    """Records every span, and marks for export what its parent is marked for, or a ratio of the traces that begin here.

    The same decisions as the SDK's AlwaysRecordSampler around its parent-based ratio, in one step: it runs for every
    span.

    Args:
        ratio: 0 to 1.
    """

    def __init__(self, ratio: float) -> None:
        self._bound = TraceIdRatioBased(ratio).bound
        self._description = f"AlwaysRecord{{{ratio}}}"

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002 - the SDK's signature
        kind: SpanKind | None = None,  # noqa: ARG002 - the SDK's signature
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002 - the SDK's signature
        trace_state: TraceState | None = None,  # noqa: ARG002 - the SDK's signature
    ) -> SamplingResult:
        """The decision about one span."""
        parent = get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            if not attributes and not parent.trace_state:
                return _CHILD_MARKED if parent.trace_flags.sampled else _CHILD_UNMARKED
            decision = _MARKED if parent.trace_flags.sampled else _UNMARKED
            return SamplingResult(decision, attributes, parent.trace_state)
        is_marked = trace_id & TraceIdRatioBased.TRACE_ID_LIMIT < self._bound
        return SamplingResult(_MARKED if is_marked else _UNMARKED, attributes)

    def get_description(self) -> str:
        """What it does."""
        return self._description


def sampler(ratio: str | float | None = None) -> Sampler:
    """The sampler named `lapbell`: records always, exports a ratio of the traces unless the sender has decided.

    Args:
        ratio: 0 to 1, as a number or as the text of `OTEL_TRACES_SAMPLER_ARG`; all if missing.

    Raises:
        LapbellError: the ratio is anything else.
    """
    if ratio is None or ratio == "":
        return AlwaysRecord(1.0)
    remedy = "pass the share of traces to export, 0 to 1 (OTEL_TRACES_SAMPLER_ARG)"
    try:
        value: object = float(ratio)
    except (TypeError, ValueError):
        value = ratio
    return AlwaysRecord(checks.number("ratio", value, remedy, most=1.0, above=False))


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
