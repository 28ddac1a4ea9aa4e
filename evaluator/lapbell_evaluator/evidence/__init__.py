"""Evidence for people: recent traces, and which phase is to blame."""

from lapbell_evaluator.evidence.blame import phase_blame
from lapbell_evaluator.evidence.collector import EvidenceCollector
from lapbell_evaluator.evidence.examples import Example
from lapbell_evaluator.evidence.span import CLIENT, CONSUMER, INTERNAL, KEPT_ATTRIBUTES, PRODUCER, SERVER, Span
from lapbell_evaluator.evidence.traces import RecentOperation, RecentTiming, RecentTraces

__all__ = [
    "CLIENT",
    "CONSUMER",
    "INTERNAL",
    "KEPT_ATTRIBUTES",
    "PRODUCER",
    "SERVER",
    "EvidenceCollector",
    "Example",
    "RecentOperation",
    "RecentTiming",
    "RecentTraces",
    "Span",
    "phase_blame",
]
