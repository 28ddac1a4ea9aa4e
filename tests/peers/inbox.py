"""A webhook on a free port that keeps what it is sent, for tests that run in other threads than a loop."""

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from peers.serving import serving

__all__ = ["Inbox", "Letter", "inbox"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A document, and Unix seconds when it came."""

    at: float
    document: dict[str, Any]


@dataclass(slots=True)
class Inbox:
    """What came so far, the oldest first."""

    port: int
    letters: list[Letter] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"


@contextlib.contextmanager
def inbox() -> Iterator[Inbox]:
    """An empty one."""
    server = _Server()
    with serving(server):
        yield server.inbox


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.inbox = Inbox(self.server_port)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.inbox.letters.append(Letter(time.time(), json.loads(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Documents are kept, not printed."""
