"""An ASGI app behind a port, started and stopped from inside a running loop."""

import asyncio
import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lapbell import semconv
from lapbell_evaluator.model import EvaluatorError, Reading, ReadingKind

__all__ = ["LoopLag", "Server", "listener"]

_STOP_GRACE_S: Final = 2
_BACKLOG: Final = 512
_LOOK_S: Final = 0.5
_HEAD_TIMEOUT_S: Final = 10.0
_HEAD_BYTES: Final = 1024 * 1024


def listener(listen: str, setting: str = "listen") -> socket.socket:
    """A listening socket for `host:port`; port 0 takes a free one.

    Args:
        listen: `host:port`.
        setting: its key in the configuration, for the remedy.

    Raises:
        EvaluatorError: the address is taken, or is none of this machine's.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise EvaluatorError(f"Can't listen on {listen}: {error}.", f"Set `{setting}` to a free address.") from None
    # Connections inherit it. uvloop sets it by itself, asyncio does not on a socket that was handed over: an answer in
    # two packets then waits 40 ms for the delayed acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class BoundedHead(HttpToolsProtocol):
    """A connection that is closed when the head of a request takes more than ten seconds or a mebibyte.

    uvicorn bounds neither; an app can bound only the body.
    """

    _waiting: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """A connection is open: its first head is awaited."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._waiting is not None:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self.transport.close()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """The first byte of a request came."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """The head is complete."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._waiting is None:
            self._head_bytes = 0
            self._waiting = self.loop.call_later(_HEAD_TIMEOUT_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class LoopLag:
    """How late the loop is: everything that it serves waits as long."""

    def __init__(self) -> None:
        self._worst_s = 0.0

    async def run(self) -> None:
        """Look twice a second, until cancelled."""
        time = asyncio.get_running_loop().time
        while True:
            began = time()
            await asyncio.sleep(_LOOK_S)
            self._worst_s = max(self._worst_s, time() - began - _LOOK_S)

    def readings(self) -> tuple[Reading, ...]:
        """The worst since it was last asked for."""
        worst_s, self._worst_s = self._worst_s, 0.0
        description = "The longest that the event loop was late of late."
        return (Reading(semconv.LAPBELL_LOOP_LAG, ReadingKind.GAUGE, "s", worst_s, description),)


class Server:
    """Serves one ASGI app.

    Args:
        app: what answers.
        listen: `host:port`; port 0 takes a free one.
        connections: how many may be open; requests on more are answered 503.
        setting: the key of `listen` in the configuration, for the remedy where it is taken.
    """

    def __init__(self, app: ASGIApp, listen: str, connections: int = 256, setting: str = "listen") -> None:
        self._listen = listen
        self._setting = setting
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=BoundedHead,
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=connections + 1,  # uvicorn refuses at its limit, not beyond it
                timeout_graceful_shutdown=_STOP_GRACE_S,
            )
        )
        self._socket: socket.socket | None = None
        self._running: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen; `port` says where.

        Raises:
            EvaluatorError: the address is taken.
        """
        self._socket = listener(self._listen, self._setting)
        self.port = self._socket.getsockname()[1]
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(sockets=[self._socket])
        self._running = asyncio.create_task(self._server.main_loop())

    async def stop(self) -> None:
        """Finish what is under way, for two seconds at most, and close the port."""
        if self._running is None or self._socket is None:
            return
        self._server.should_exit = True
        await self._running
        await self._server.shutdown(sockets=[self._socket])
