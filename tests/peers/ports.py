"""Ports that nobody listens on."""

import random
import socket

__all__ = ["free_port"]

# Below Linux's range for outgoing connections: any client could take a port of that range between our look and the
# server's bind.
_FIRST, _LAST = 20_000, 32_000
_dice = random.SystemRandom()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    while True:
        port = _dice.randrange(_FIRST, _LAST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
