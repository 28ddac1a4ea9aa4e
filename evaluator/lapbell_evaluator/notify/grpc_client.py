"""OTLP over gRPC."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.otlp_client import Destination, Signal
from lapbell_evaluator.notify.refusals import grpc_refusal
from lapbell_evaluator.notify.text import one_line

__all__ = ["GrpcClient"]

_METHODS: Final = {
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}
_READ_BYTES: Final = 64 * 1024
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _READ_BYTES),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.primary_user_agent", "lapbell-evaluator"),
)
_STATUS_DETAILS: Final = "grpc-status-details-bin"
_RETRY_INFO: Final = "google.rpc.retryinfo-bin"

Metadata = Sequence[tuple[str, str | bytes]]


class GrpcClient:
    """Calls `Export` of an endpoint's services; an answer of more than 64 KiB is refused.

    Args:
        to: the endpoint.
    """

    def __init__(self, to: Destination) -> None:
        url = urlsplit(to.endpoint)
        self._name = url.netloc.rpartition("@")[2] or to.endpoint
        self._timeout_s = to.timeout_s
        self._remedy = to.remedy
        self._metadata = tuple((name.lower(), value) for name, value in to.headers)  # gRPC wants keys in lower case
        if url.scheme == "https":
            self._channel = grpc.aio.secure_channel(self._name, _credentials(to), options=_OPTIONS)
        else:
            self._channel = grpc.aio.insecure_channel(self._name, options=_OPTIONS)
        self._calls: dict[Signal, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {
            signal: self._channel.unary_unary(method) for signal, method in _METHODS.items()
        }

    async def export(self, signal: Signal, payload: bytes) -> bytes:
        """Send one request, and give the message of its answer.

        Raises:
            DeliveryError: it was not taken.
        """
        try:
            answer: bytes = await self._calls[signal](payload, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            message = f"{self._name} answers {error.code().name}: {one_line(error.details() or '')}"
            raise grpc_refusal(
                error.code(), message, _wait_s(tuple(error.trailing_metadata())), self._remedy
            ) from error
        except grpc.aio.UsageError as error:
            raise DeliveryError(f"{self._name} can't be asked: {error}.") from error
        return answer

    async def close(self) -> None:
        """End the connection."""
        await self._channel.close()


def _credentials(to: Destination) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(_read(to.ca_file), _read(to.client_key_file), _read(to.client_certificate_file))


def _read(file: Path | None) -> bytes | None:
    return None if file is None else file.read_bytes()


def _wait_s(trailers: Metadata) -> float | None:
    """Seconds of the `RetryInfo` among the trailers, which comes as itself or within the status; None without one."""
    for name, value in trailers:
        if not isinstance(value, bytes):
            continue
        try:
            if name == _RETRY_INFO:
                return _delay_s(RetryInfo.FromString(value))
            if name == _STATUS_DETAILS:
                for detail in Status.FromString(value).details:
                    retry_info = RetryInfo()
                    if detail.Unpack(retry_info):
                        return _delay_s(retry_info)
        except DecodeError:
            continue
    return None


def _delay_s(retry_info: RetryInfo) -> float:
    delay_s: float = retry_info.retry_delay.seconds + retry_info.retry_delay.nanos / 1e9
    return max(0.0, delay_s)
