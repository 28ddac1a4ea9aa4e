"""What sends OTLP: the bytes of one request to one endpoint, with its answer told whole."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Destination", "OtlpClient", "Signal"]


class Signal(StrEnum):
    """What a request carries."""

    LOGS = "logs"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where OTLP goes.

    Attributes:
        endpoint: for gRPC the URL of the server; for HTTP the URL that `/v1/logs` is added to.
        protocol: as `OTEL_EXPORTER_OTLP_PROTOCOL` names it.
        headers: sent with each request.
        timeout_s: for one request, from the connection to the end of the answer.
        ca_file: certificates that are trusted, in PEM; None for the machine's.
        client_certificate_file: ours, in PEM; None if the server asks for none.
        client_key_file: its key.
        setting: where it is set, for remedies.
    """

    endpoint: str
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers: tuple[tuple[str, str], ...] = ()
    timeout_s: float = 5.0
    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    setting: str = "export"

    @property
    def remedy(self) -> str:
        """What to look at if no record is to blame."""
        return f"See endpoint, protocol and headers_file of {self.setting}."


class OtlpClient(Protocol):
    """Sends requests to one endpoint, one try each; whoever asks tries again."""

    async def export(self, signal: Signal, payload: bytes) -> bytes:
        """Send one request, and give the message of its answer; of an answer that is too long, none.

        Raises:
            DeliveryError: it was not taken; the kind of error says whether the same may be taken later.
        """
        ...

    async def close(self) -> None:
        """End the connections."""
        ...
