"""Evidence for people: recent traces, and which phase is to blame."""

from lapbell_evaluator.evidence.blame import phase_blame
from lapbell_evaluator.evidence.collector import EvidenceCollector
from lapbell_evaluator.evidence.span import CLIENT, INTERNAL, KEPT_ATTRIBUTES, SERVER, Span
from lapbell_evaluator.evidence.traces import RecentOperation, RecentTiming, RecentTraces

__all__ = [
    "CLIENT",
    "INTERNAL",
    "KEPT_ATTRIBUTES",
    "SERVER",
    "EvidenceCollector",
    "RecentOperation",
    "RecentTiming",
    "RecentTraces",
    "Span",
    "phase_blame",
]
