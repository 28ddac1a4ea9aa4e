"""A way to a server that can be cut at the worst moment."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from peers.ports import free_port

__all__ = ["Cut", "cut"]

_ANSWER_BYTES = 65_536


@dataclass(slots=True)
class Cut:
    """What listens on `port` and hands everything on to a server, until a message is seen that is to be the last.

    Attributes:
        port: where it listens.
        last: once it is seen on the way to the server, it is handed on, its answer is thrown away, and the line is cut.
        cuts: how often that happened.
    """

    port: int
    last: bytes = b""
    cuts: int = 0
    _lines: list[socket.socket] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def _serve(self, listener: socket.socket, server_port: int) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # the end
            server = socket.create_connection(("127.0.0.1", server_port))
            self._lines += [client, server]
            for work in (self._there, self._back):
                self._threads.append(threading.Thread(target=work, args=(client, server), daemon=True))
                self._threads[-1].start()

    def _there(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either side has gone
            while message := client.recv(_ANSWER_BYTES):
                if self.last and self.last in message:
                    self.last, self.cuts = b"", self.cuts + 1
                    client.shutdown(socket.SHUT_RDWR)  # before the answer can come
                    server.sendall(message)
                    server.recv(_ANSWER_BYTES)
                    break
                server.sendall(message)
        _end(client, server)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while message := server.recv(_ANSWER_BYTES):
                client.sendall(message)
        _end(client, server)


@contextlib.contextmanager
def cut(server_port: int) -> Iterator[Cut]:
    """A way to the server at a port of this machine."""
    way = Cut(free_port())
    with socket.create_server(("127.0.0.1", way.port)) as listener:
        thread = threading.Thread(target=way._serve, args=(listener, server_port), daemon=True)
        thread.start()
        yield way
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()
    _end(*way._lines)
    for one in way._threads:
        one.join()
    for line in way._lines:
        line.close()


def _end(*lines: socket.socket) -> None:
    for line in lines:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
