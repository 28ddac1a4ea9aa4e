"""One connection to an HTTP gate."""

import asyncio
import logging
from enum import Enum, auto
from typing import Any, Final

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from lapbell_evaluator.server.connection_limits import ConnectionLimits
from lapbell_evaluator.server.connections import Connections
from lapbell_evaluator.server.seldom import Seldom

__all__ = ["Connection"]

_GRACE_S: Final = 1.0  # apps judge the same pace and answer 408; the connection ends only if they did not
_PAUSED_S: Final = 1.0
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 2\r\nconnection: close\r\n\r\n"

_log: Final = logging.getLogger("lapbell_evaluator.server")
_log.setLevel(logging.INFO)
_log.addFilter(Seldom())


class _Awaited(Enum):
    """What the other side owes."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class HeadTooLargeError(ValueError):
    """uvicorn answers 400 to what its parser's callbacks raise."""


class TargetOfProxyError(ValueError):
    """The same."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which ends when the other side is too slow with a head, a body or the taking of an answer.

    uvicorn bounds none of them, and an app can bound only the body, and only until it has answered.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: ConnectionLimits,
        places: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.logger = _log
        self.peer = ""
        self._limits = limits
        self._places = places
        self._awaited = _Awaited.NOTHING
        self._since = 0.0  # when what is awaited began
        self._received = 0  # bytes of the message that is being read
        self._chunk = 0
        self._head_bytes = 0
        self._under_way = 0
        self._reading: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def evict(self) -> None:
        """Close now."""
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """A connection is open: its first head is awaited."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        if self._places.admit(self):
            self._await(_Awaited.HEAD)
        else:
            self.logger.warning("Every connection has a request under way: a new one was refused.")
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._places.remove(self)
        self._awaited = _Awaited.NOTHING
        for timer in (self._reading, self._writing):
            if timer is not None:
                timer.cancel()
        self._reading = self._writing = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._chunk = len(data)
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._awaited is _Awaited.HEAD and self._received > self._limits.head_bytes:
            self.transport.abort()
        elif self._awaited is _Awaited.NOTHING and not self._under_way:
            self._await(_Awaited.HEAD)  # bytes that begin no request, such as blank lines, end uvicorn's own timer

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        super().on_message_begin()
        self._received, self._head_bytes = self._chunk, 0
        self._await(_Awaited.HEAD)

    def on_url(self, url: bytes) -> None:
        """A piece of the URL came."""
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came."""
        self._count_head(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is complete: from here on the app knows who it is.

        A target that names a host is one for a proxy (RFC 9112, 3.2.2): who sends one is refused, for an app does not
        see it, and would take the host of the header for what was asked.
        """
        if not self.url.startswith((b"/", b"*")):
            raise TargetOfProxyError
        self._under_way += 1
        self._places.busy(self)
        self._await(_Awaited.BODY)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is complete."""
        self._awaited = _Awaited.NOTHING
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is written."""
        self._under_way -= 1
        if not self._under_way:
            self._places.idle(self)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """More of an answer waits than is kept for a slow reader."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """The reader caught up."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def _unsupported_upgrade_warning(self) -> None:
        """The request is answered as if it asked for no upgrade, and the connection ends with the answer."""
        self.logger.warning("A request to change the protocol (WebSocket, h2c) was not followed: no gate has one.")
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes or len(self.headers) >= self._limits.headers:
            raise HeadTooLargeError

    def _await(self, awaited: _Awaited) -> None:
        """One timer serves head and body; it is set anew when it fires too early, which most requests never see."""
        self._awaited, self._since = awaited, self.loop.time()
        due_at = self._due_at()
        if self._reading is not None and self._reading.when() > due_at:
            self._reading.cancel()
            self._reading = None
        if self._reading is None:
            self._reading = self.loop.call_at(due_at, self._look_for_bytes)

    def _due_at(self) -> float:
        if self._awaited is _Awaited.BODY:
            return self._since + self._limits.body.allowed_s(self._received) + _GRACE_S
        return self._since + self._limits.head_s

    def _look_for_bytes(self) -> None:
        self._reading = None
        if self._awaited is _Awaited.NOTHING:
            return
        due_at = self._due_at()
        if self.flow.read_paused:  # we do not read: what does not come is not the other side's fault
            due_at = max(due_at, self.loop.time() + _PAUSED_S)
        if due_at > self.loop.time():
            self._reading = self.loop.call_at(due_at, self._look_for_bytes)
        else:
            self.transport.abort()

    def _await_reader(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._writing = self.loop.call_later(self._limits.write_s, self._look_for_reader, waiting)

    def _look_for_reader(self, waited: int) -> None:
        taken = waited - self.transport.get_write_buffer_size()
        if taken < self._limits.write_s * self._limits.body.bytes_per_second:
            self.transport.abort()
        else:
            self._await_reader()
