"""Why requests are slow, and what keeps the event loop from running."""

from dataclasses import dataclass

__all__ = ["BlockedLine", "EventLoopEvidence", "LatencyEvidence", "PhaseShare", "ServerShare"]


@dataclass(frozen=True, slots=True)
class BlockedLine:
    """A line of the app that kept the event loop from running.

    Attributes:
        function: its function.
        file: its file.
        line: its number; None if that was not measured.
        blocked_s: seconds, the longest time of the last minute.
    """

    function: str
    file: str
    line: int | None
    blocked_s: float

    def __str__(self) -> str:
        """The line as people write it."""
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{self.function} ({where})" if self.function else where


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """One phase's part of the excess over the baseline window.

    Attributes:
        phase: the name of the phase, without prefix.
        share: 0..1 of the excess.
        excess_s: seconds per request above the baseline.
    """

    phase: str
    share: float
    excess_s: float


@dataclass(frozen=True, slots=True)
class ServerShare:
    """A Redis server's part of the time of Redis calls.

    Attributes:
        server: `address:port`, of a socket its path.
        share: 0..1 of that time.
    """

    server: str
    share: float


@dataclass(frozen=True, slots=True)
class LatencyEvidence:
    """Why requests are slow: what the phases of the app cannot say by themselves.

    Attributes:
        event_loop: the part of the excess in which requests waited because something else blocked the loop.
        other: the part that no span covers.
        explained_by: the line that blocks the event loop, while EventLoopBlocked fires for the same service; None where
            the shares are known and requests of the route did not wait for the loop. It is the cause only where
            `event_loop` has the largest share.
        redis_servers: the servers that the slowest requests called, the largest share first; empty where their traces
            are not kept, or do not say.
    """

    event_loop: PhaseShare | None = None
    other: PhaseShare | None = None
    explained_by: BlockedLine | None = None
    redis_servers: tuple[ServerShare, ...] = ()


@dataclass(frozen=True, slots=True)
class EventLoopEvidence:
    """What keeps the event loop from running.

    Attributes:
        lines: of the app, the longest first.
    """

    lines: tuple[BlockedLine, ...] = ()
