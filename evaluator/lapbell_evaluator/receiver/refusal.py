"""Why an export is refused, in the words of both protocols."""

from enum import Enum
from http import HTTPStatus
from typing import Final

import grpc
from google.rpc import code_pb2

from lapbell_evaluator.model import EvaluatorError

__all__ = ["Reason", "Refusal"]

_MOST_CHARACTERS: Final = 1_000


class Reason(Enum):
    """One row per reason: HTTP status, gRPC status, `google.rpc.Code`, whether the sender should try again.

    Source: OTLP specification, "OTLP/gRPC Response", "OTLP/HTTP Response" and "Retryable Response Codes".
    """

    UNDECODABLE = (HTTPStatus.BAD_REQUEST, grpc.StatusCode.INVALID_ARGUMENT, code_pb2.INVALID_ARGUMENT, False)
    UNAUTHENTICATED = (HTTPStatus.UNAUTHORIZED, grpc.StatusCode.UNAUTHENTICATED, code_pb2.UNAUTHENTICATED, False)
    FORBIDDEN = (HTTPStatus.FORBIDDEN, grpc.StatusCode.PERMISSION_DENIED, code_pb2.PERMISSION_DENIED, False)
    NOT_FOUND = (HTTPStatus.NOT_FOUND, grpc.StatusCode.UNIMPLEMENTED, code_pb2.NOT_FOUND, False)
    WRONG_METHOD = (HTTPStatus.METHOD_NOT_ALLOWED, grpc.StatusCode.UNIMPLEMENTED, code_pb2.UNIMPLEMENTED, False)
    WRONG_TYPE = (
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        grpc.StatusCode.INVALID_ARGUMENT,
        code_pb2.INVALID_ARGUMENT,
        False,
    )
    TOO_LARGE = (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        grpc.StatusCode.INVALID_ARGUMENT,
        code_pb2.INVALID_ARGUMENT,
        False,
    )
    TOO_SLOW = (HTTPStatus.REQUEST_TIMEOUT, grpc.StatusCode.DEADLINE_EXCEEDED, code_pb2.DEADLINE_EXCEEDED, False)
    BUSY = (HTTPStatus.TOO_MANY_REQUESTS, grpc.StatusCode.UNAVAILABLE, code_pb2.UNAVAILABLE, True)
    UNAVAILABLE = (HTTPStatus.SERVICE_UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, code_pb2.UNAVAILABLE, True)

    def __init__(self, http: HTTPStatus, grpc_status: grpc.StatusCode, code: int, is_retryable: bool) -> None:  # noqa: FBT001 - rows of a table
        self.http = http
        self.grpc_status = grpc_status
        self.code = code
        self.is_retryable = is_retryable


class Refusal(EvaluatorError):  # noqa: N818 - a refusal is an answer to the sender, not a fault of ours
    """An export that was not taken; nothing of it was stored. What it quotes of the export is cut."""

    def __init__(self, reason: Reason, message: str, remedy: str = "") -> None:
        super().__init__(message if len(message) <= _MOST_CHARACTERS else f"{message[:_MOST_CHARACTERS]}…", remedy)
        self.reason = reason
