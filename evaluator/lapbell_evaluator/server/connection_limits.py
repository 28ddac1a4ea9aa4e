"""What a connection may ask of an HTTP gate before anybody knows who it is."""

from dataclasses import dataclass, field

from lapbell_evaluator.server.pace import Pace

__all__ = ["ConnectionLimits"]


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Bounds of one HTTP gate.

    Attributes:
        connections: open at once. One more takes the place of the idle one that waits longest, of the address that
            has most of them; it is answered 503 only where every connection has a request under way.
        connections_each: the same for one address.
        head_s: from the first byte of a request, or from the connection, to the end of its head.
        head_bytes: of the request line and the headers.
        headers: in one head.
        body: how slowly a body may come.
        idle_s: between an answer and the next request.
        write_s: in which a reader must take `body.bytes_per_second` of an answer that waits for it.
    """

    connections: int = 4096
    connections_each: int = 2048
    head_s: float = 10.0
    head_bytes: int = 64 * 1024
    headers: int = 256
    body: Pace = field(default_factory=Pace)
    idle_s: float = 75.0
    write_s: float = 30.0
