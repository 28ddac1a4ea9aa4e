"""What a sender may ask of the receiver."""

from dataclasses import dataclass, field

from lapbell_evaluator.server import Pace

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps that keep memory and time bounded whatever arrives; more is refused, never cut short.

    Attributes:
        body_bytes: of one export, after decompression.
        items: of one export: data points, spans, log records, series, exemplars and what holds them; two attributes,
            labels, samples or elements of arrays count as one, and two objects of JSON; three other fields may come
            with each. Counted before decoding.
        in_flight_bytes: of all exports that are being read, wait or are decoded, the unpacked ones included.
        in_flight_bytes_each: the same of one identity at one address.
        body: how slowly a body may come over HTTP.
        call_s: from a gRPC call to its whole message: gRPC shows no part of one.
        senders: exports under way on all gates together, from a head that shows who sends to the answer; one more is
            told to come again, over gRPC with RetryInfo. Connections cost little and are bounded elsewhere.
        senders_each: the same of one identity at one address.
        calls_each: calls at once on one gRPC connection; a client holds back what is more.
        grpc_connections: open at once; gRPC bounds them by no address, so that more wait until idle ones are closed.
        grpc_idle_s: until a gRPC connection without a call is closed.
        grpc_age_s: until a gRPC connection is closed between calls, so that a fleet spreads anew.
        handshake_s: from a gRPC connection to its first HTTP/2 settings.
        retry_after_s: what a sender that comes at a bad time is told to wait; Python's exporters give up above 10 s.
        label_count: labels of one series, the resource's included.
        label_name_chars: of one label's name.
        label_value_chars: of one label's value.
        corrects_clocks: times of senders whose clocks are off are shifted, see `SenderClocks`.
        future_s: how far a time may be ahead of ours after that; memory keeps its windows behind the newest sample, so
            a clock far ahead would cost all the others theirs.
    """

    body_bytes: int = 4 * 1024 * 1024
    items: int = 100_000
    in_flight_bytes: int = 64 * 1024 * 1024
    in_flight_bytes_each: int = 32 * 1024 * 1024
    body: Pace = field(default_factory=Pace)
    call_s: float = 30.0
    senders: int = 2048
    senders_each: int = 1024
    calls_each: int = 128
    grpc_connections: int = 4096
    grpc_idle_s: float = 120.0
    grpc_age_s: float = 3600.0
    handshake_s: float = 10.0
    retry_after_s: int = 2
    label_count: int = 64
    label_name_chars: int = 256
    label_value_chars: int = 2048
    future_s: float = 60.0
    corrects_clocks: bool = True
