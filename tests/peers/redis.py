"""Redis on a free port, with nothing kept on disk."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from peers.locate import require
from peers.ports import free_port
from peers.process import Argv, Process, running, scratch

__all__ = ["Redis", "redis_server"]


@dataclass(frozen=True, slots=True)
class Redis:
    """A running Redis."""

    port: int
    process: Process

    @property
    def url(self) -> str:
        """Database 0 of this server."""
        return f"redis://127.0.0.1:{self.port}/0"


@contextlib.contextmanager
def redis_server(port: int | None = None) -> Iterator[Redis]:
    """An empty Redis; give `port` to bring one back at an address that is known already."""
    program = require("redis-server")
    port = port or free_port()
    with scratch("redis") as folder:
        argv: Argv = [
            program,
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        with running(argv, folder=folder, ready=_pongs(port)) as process:
            yield Redis(port, process)


def _pongs(port: int) -> Callable[[], bool]:
    def claim() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    return claim
