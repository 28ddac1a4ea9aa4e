"""OTLP and remote write in: bytes become samples and spans."""

from lapbell_evaluator.receiver.access import Access
from lapbell_evaluator.receiver.arrivals import Arrivals
from lapbell_evaluator.receiver.clock_leaps import ClockLeaps
from lapbell_evaluator.receiver.grpc_gate import GrpcReceiver
from lapbell_evaluator.receiver.http_gate import http_app
from lapbell_evaluator.receiver.ingest import Ingest
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.ports import Durable, Sink
from lapbell_evaluator.receiver.translated import Translated
from lapbell_evaluator.receiver.write_gate import WriteApp

__all__ = [
    "Access",
    "Arrivals",
    "ClockLeaps",
    "Durable",
    "GrpcReceiver",
    "Ingest",
    "Limits",
    "Sink",
    "Translated",
    "WriteApp",
    "http_app",
]
