"""An ASGI app behind a port, started and stopped from inside a running loop."""

import asyncio
import socket
from functools import partial
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from lapbell_evaluator.server.connection import Connection
from lapbell_evaluator.server.connection_limits import ConnectionLimits
from lapbell_evaluator.server.connections import Connections
from lapbell_evaluator.server.listener import BACKLOG, listener

__all__ = ["Server"]

_STOP_GRACE_S: Final = 2


class Server:
    """Serves one ASGI app.

    Args:
        app: what answers.
        listen: `host:port`; port 0 takes a free one.
        limits: see `ConnectionLimits`.
        setting: the key of `listen` in the configuration, for the remedy where it is taken.
    """

    def __init__(
        self, app: ASGIApp, listen: str, limits: ConnectionLimits | None = None, setting: str = "listen"
    ) -> None:
        self._listen = listen
        self._setting = setting
        limits = limits or ConnectionLimits()
        connection = partial(Connection, limits=limits, places=Connections(limits.connections, limits.connections_each))
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=connection,  # type: ignore[arg-type] # uvicorn calls it, no more
                ws="none",
                backlog=BACKLOG,
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=limits.idle_s,  # type: ignore[arg-type] # a delay of the loop
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
