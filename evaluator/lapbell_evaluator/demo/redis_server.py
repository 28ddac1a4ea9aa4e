"""Redis for the demo: the real server where it is installed, otherwise fakeredis' TCP server."""

import shutil
import sys
from typing import Final

__all__ = ["command", "name"]

_SERVER: Final = "redis-server"


def name() -> str:
    """Which Redis the demo will run."""
    return _SERVER if shutil.which(_SERVER) else "fakeredis (redis-server is not installed)"


def command(port: int) -> list[str]:
    """The command that serves Redis on `port` of loopback, keeping nothing on disk."""
    binary = shutil.which(_SERVER)
    if binary:
        return [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return [sys.executable, "-m", "lapbell_evaluator.demo.redis_server", str(port)]


def _serve_fake(port: int) -> None:
    from fakeredis import TcpFakeServer  # noqa: PLC0415 # needed in this process alone

    TcpFakeServer(("127.0.0.1", port)).serve_forever()


if __name__ == "__main__":
    _serve_fake(int(sys.argv[1]))
