"""How much of a trace is kept with an incident."""

from dataclasses import replace
from typing import Final

from lapbell_evaluator.evidence.span import CONSUMER, SERVER
from lapbell_evaluator.evidence.trace_store import size_of
from lapbell_evaluator.model import Span, Trace

__all__ = ["MOST_KEPT_BYTES", "MOST_KEPT_SPANS", "bounded"]

MOST_KEPT_SPANS: Final = 500
MOST_KEPT_BYTES: Final = 512 * 1024


def bounded(trace: Trace, most_spans: int = MOST_KEPT_SPANS, most_bytes: int = MOST_KEPT_BYTES) -> Trace:
    """The trace with as many spans as fit: requests and tasks first, then what failed, then what took longest."""
    spans: list[Span] = []
    size = 0
    for span in sorted(trace.spans, key=_rank):
        if len(spans) == most_spans:
            break
        if size + size_of(span) <= most_bytes:
            size += size_of(span)
            spans.append(span)
    return replace(trace, spans=tuple(spans), cut=trace.cut + len(trace.spans) - len(spans))


def _rank(span: Span) -> tuple[bool, bool, float, str]:
    return (span.kind not in (SERVER, CONSUMER), not span.failed, -span.duration_s, span.span_id)
