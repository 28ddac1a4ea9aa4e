"""Evidence for people: recent traces, and which phase is to blame."""

from lapbell_evaluator.evidence.span import CLIENT, CONSUMER, INTERNAL, PRODUCER, SERVER, Span

__all__ = ["CLIENT", "CONSUMER", "INTERNAL", "PRODUCER", "SERVER", "Span"]
