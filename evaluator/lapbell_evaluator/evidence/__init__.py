"""Evidence for people: recent traces, and what is to blame, by the kind of alert."""

from lapbell_evaluator.evidence.attribution import Request, requests_of
from lapbell_evaluator.evidence.bounding import MOST_KEPT_BYTES, bounded
from lapbell_evaluator.evidence.collector import EvidenceCollector
from lapbell_evaluator.evidence.explaining import Explanations
from lapbell_evaluator.evidence.kind import subject_of
from lapbell_evaluator.evidence.latency import phase_blame
from lapbell_evaluator.evidence.otlp_document import otlp_document
from lapbell_evaluator.evidence.phases import phase_of
from lapbell_evaluator.evidence.recent import RecentOperation, RecentTiming
from lapbell_evaluator.evidence.scrubbed import scrubbed
from lapbell_evaluator.evidence.span import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    KEPT_ATTRIBUTES,
    KEPT_OF_CALLS,
    PRODUCER,
    SERVER,
    Span,
    SpanEvent,
    kept_events,
    may_have_events,
)
from lapbell_evaluator.evidence.trace_store import size_of
from lapbell_evaluator.evidence.traces import RecentTraces

__all__ = [
    "CLIENT",
    "CONSUMER",
    "INTERNAL",
    "KEPT_ATTRIBUTES",
    "KEPT_OF_CALLS",
    "MOST_KEPT_BYTES",
    "PRODUCER",
    "SERVER",
    "EvidenceCollector",
    "Explanations",
    "RecentOperation",
    "RecentTiming",
    "RecentTraces",
    "Request",
    "Span",
    "SpanEvent",
    "bounded",
    "kept_events",
    "may_have_events",
    "otlp_document",
    "phase_blame",
    "phase_of",
    "requests_of",
    "scrubbed",
    "size_of",
    "subject_of",
]
