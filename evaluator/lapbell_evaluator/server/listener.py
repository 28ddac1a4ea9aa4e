"""A socket that listens."""

import socket
from typing import Final

from lapbell_evaluator.model import EvaluatorError

__all__ = ["BACKLOG", "listener"]

BACKLOG: Final = 4096  # Linux cuts it to net.core.somaxconn: a fleet that reconnects at once is not turned away


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
        listening = socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise EvaluatorError(f"Can't listen on {listen}: {error}.", f"Set `{setting}` to a free address.") from None
    # Connections inherit it. uvloop sets it by itself, asyncio does not on a socket that was handed over: an answer in
    # two packets then waits 40 ms for the delayed acknowledgement of the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
