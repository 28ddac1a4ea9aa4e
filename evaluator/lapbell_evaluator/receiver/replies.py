"""What the receiver answers: `partial_success` for points not taken, `Status` for exports not taken."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsPartialSuccess, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from lapbell_evaluator.receiver.refusal import Reason, Refusal

__all__ = [
    "CONTENT_TYPES",
    "JSON",
    "PROTOBUF",
    "EncodedBody",
    "Outcome",
    "Signal",
    "encoded",
    "retry_info",
    "status_of",
    "success",
]

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
CONTENT_TYPES: Final = frozenset({PROTOBUF, JSON})


class Signal(Enum):
    """What an export holds; each value is its name, its HTTP path and its gRPC service."""

    METRICS = ("metrics", "/v1/metrics", "opentelemetry.proto.collector.metrics.v1.MetricsService")
    TRACES = ("traces", "/v1/traces", "opentelemetry.proto.collector.trace.v1.TraceService")
    LOGS = ("logs", "/v1/logs", "opentelemetry.proto.collector.logs.v1.LogsService")

    def __init__(self, label: str, path: str, service: str) -> None:
        self.label = label
        self.path = path
        self.service = service


@dataclass(frozen=True, slots=True)
class Outcome:
    """An export that was taken, at least in part.

    Attributes:
        rejected: number of points or spans that were not taken.
        message: why, for a person.
    """

    rejected: int = 0
    message: str = ""


def success(signal: Signal, outcome: Outcome) -> Message:
    """The response message; `partial_success` is unset where everything was taken.

    Source: OTLP specification, "Full Success" and "Partial Success".
    """
    rejected, message = outcome.rejected, outcome.message
    is_partial = bool(rejected or message)
    match signal:
        case Signal.METRICS:
            points = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message=message)
            return ExportMetricsServiceResponse(partial_success=points if is_partial else None)
        case Signal.TRACES:
            spans = ExportTracePartialSuccess(rejected_spans=rejected, error_message=message)
            return ExportTraceServiceResponse(partial_success=spans if is_partial else None)
        case Signal.LOGS:
            records = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=message)
            return ExportLogsServiceResponse(partial_success=records if is_partial else None)


def status_of(refusal: Refusal, retry_after_s: int) -> Status:
    """The `google.rpc.Status` of a refusal: when to come again, or what is wrong with the body."""
    status = Status(code=refusal.reason.code, message=str(refusal))
    if refusal.reason.is_retryable:
        status.details.add().Pack(retry_info(retry_after_s))
    elif refusal.reason is Reason.UNDECODABLE:
        violation = BadRequest.FieldViolation(field="body", description=refusal.message)
        status.details.add().Pack(BadRequest(field_violations=[violation]))
    return status


def retry_info(retry_after_s: int) -> RetryInfo:
    """When to come again."""
    return RetryInfo(retry_delay=Duration(seconds=retry_after_s))


@dataclass(frozen=True, slots=True)
class EncodedBody:
    """A reply's body and its Content-Type."""

    body: bytes
    content_type: str


def encoded(message: Message, content_type: str) -> EncodedBody:
    """A reply in the encoding that the sender used; protobuf where it used none of ours.

    Source: OTLP specification, "OTLP/HTTP Response": the response's Content-Type is the request's.
    """
    if content_type == JSON:
        return EncodedBody(MessageToJson(message, indent=None).encode(), JSON)
    return EncodedBody(message.SerializeToString(), PROTOBUF)
