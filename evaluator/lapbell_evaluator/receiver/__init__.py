"""OTLP in: bytes become batches of samples and spans."""

from lapbell_evaluator.receiver.access import Access
from lapbell_evaluator.receiver.grpc_gate import GrpcReceiver
from lapbell_evaluator.receiver.http_gate import http_app
from lapbell_evaluator.receiver.ingest import Ingest, Sink, TraceSink
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.translator import Translated

__all__ = ["Access", "GrpcReceiver", "Ingest", "Limits", "Sink", "TraceSink", "Translated", "http_app"]
