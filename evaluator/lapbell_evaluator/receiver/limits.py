"""What a sender may ask of the receiver."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps that keep memory and time bounded whatever arrives; more is refused, never cut short.

    Attributes:
        body_bytes: of one export, after decompression.
        in_flight_bytes: of all exports that are being read or decoded, after decompression.
        body_timeout_s: how long a sender may take from its first body byte to its last.
        senders: at once on one gate: connections open over HTTP (more: 503), exports under way over gRPC (more:
            UNAVAILABLE with RetryInfo); OTLP sends both again.
        retry_after_s: what a sender that comes at a bad time is told to wait; Python's exporters give up above 10 s.
        label_count: labels of one series, the resource's included.
        label_name_chars: of one label's name.
        label_value_chars: of one label's value.
        future_s: how far a sender's clock may run ahead of ours; memory keeps its windows behind the newest sample, so
            a clock far ahead would cost all the others theirs.
    """

    body_bytes: int = 4 * 1024 * 1024
    in_flight_bytes: int = 64 * 1024 * 1024
    body_timeout_s: float = 10.0
    senders: int = 512
    retry_after_s: int = 2
    label_count: int = 64
    label_name_chars: int = 256
    label_value_chars: int = 2048
    future_s: float = 60.0
