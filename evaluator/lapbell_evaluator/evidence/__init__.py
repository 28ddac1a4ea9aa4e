"""Evidence for people: recent traces, and what is to blame, by the kind of alert."""

from lapbell_evaluator.evidence.collector import EvidenceCollector
from lapbell_evaluator.evidence.latency import phase_blame
from lapbell_evaluator.evidence.span import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    KEPT_ATTRIBUTES,
    SERVER,
    Span,
    SpanEvent,
    kept_events,
    may_have_events,
)
from lapbell_evaluator.evidence.traces import RecentOperation, RecentTiming, RecentTraces

__all__ = [
    "CLIENT",
    "CONSUMER",
    "INTERNAL",
    "KEPT_ATTRIBUTES",
    "SERVER",
    "EvidenceCollector",
    "RecentOperation",
    "RecentTiming",
    "RecentTraces",
    "Span",
    "SpanEvent",
    "kept_events",
    "may_have_events",
    "phase_blame",
]
