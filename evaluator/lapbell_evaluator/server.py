"""An ASGI app behind a port, started and stopped from inside a running loop."""

import asyncio
import socket
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from lapbell_evaluator.model import EvaluatorError

__all__ = ["Server", "listener"]

_STOP_GRACE_S: Final = 2
_BACKLOG: Final = 512


def listener(listen: str) -> socket.socket:
    """A listening socket for `host:port`; port 0 takes a free one.

    Raises:
        EvaluatorError: the address is taken, or is none of this machine's.
    """
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, int(port)), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise EvaluatorError(f"Can't listen on {listen}: {error}.", "Name a free address under `listen`.") from None


class Server:
    """Serves one ASGI app.

    Args:
        app: what answers.
        listen: `host:port`; port 0 takes a free one.
        connections: how many requests may be under way; more are answered 503.
    """

    def __init__(self, app: ASGIApp, listen: str, connections: int = 256) -> None:
        self._listen = listen
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=connections,
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
        self._socket = listener(self._listen)
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
