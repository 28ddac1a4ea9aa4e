"""A server of the standard library in a thread of its own, for tests that run no loop."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

__all__ = ["serving"]


@contextlib.contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[None]:
    """Serve until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
