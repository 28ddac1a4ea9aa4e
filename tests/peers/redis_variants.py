"""Redis in the other ways in which it is run: a cluster of three, behind a sentinel, with TLS and a socket of Unix."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from peers.locate import require
from peers.ports import free_port
from peers.process import Argv, Process, running, scratch

__all__ = ["TlsRedis", "redis_cluster", "redis_sentinel", "redis_with_tls"]

_SLOTS = 16_384


@dataclass(frozen=True, slots=True)
class TlsRedis:
    """A Redis that speaks TLS on a port, and without it on a socket of Unix.

    Attributes:
        port: of TLS.
        authority: the file of the certificate that signed its own.
        socket: the path of the socket.
    """

    port: int
    authority: Path
    socket: Path


@contextlib.contextmanager
def redis_with_tls() -> Iterator[TlsRedis]:
    """A Redis with a certificate for `localhost`."""
    with scratch("redis-tls") as folder:
        key, certificate, socket = folder / "key.pem", folder / "certificate.pem", folder / "redis.sock"
        new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
        names = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        command: list[str | Path] = [require("openssl"), *new, *names, "-keyout", key, "-out", certificate]
        subprocess.run(command, check=True, capture_output=True)
        tls = TlsRedis(free_port(), certificate, socket)
        own = str(certificate)
        files = ("--tls-cert-file", own, "--tls-key-file", str(key), "--tls-ca-cert-file", own)
        where = ("--port", "0", "--tls-port", str(tls.port), "--tls-auth-clients", "no", "--unixsocket", str(socket))
        argv = _server(*where, *files)
        with running(argv, folder=folder, ready=_answers(unix_socket_path=str(socket))):
            yield tls


@contextlib.contextmanager
def redis_sentinel(port: int, name: str) -> Iterator[int]:
    """The port of a sentinel that watches the Redis of a port under a name."""
    own = free_port()
    with scratch("sentinel") as folder:
        settings = folder / "sentinel.conf"
        settings.write_text(f"port {own}\nbind 127.0.0.1\nsentinel monitor {name} 127.0.0.1 {port} 1\n")
        argv: Argv = [require("redis-server"), str(settings), "--sentinel"]
        with running(argv, folder=folder, ready=_answers(port=own)):
            yield own


@contextlib.contextmanager
def redis_cluster(nodes: int = 3) -> Iterator[Sequence[int]]:
    """The ports of nodes that have agreed on who serves what."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(_node()) for _ in range(nodes)]
        clients = [stack.enter_context(redis.Redis(port=port)) for port, _ in started]
        share = _SLOTS // nodes
        for number, client in enumerate(clients):
            last = _SLOTS if number == nodes - 1 else (number + 1) * share
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * share, last - 1)
            bus = client.config_get("cluster-port")["cluster-port"]
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", started[number][0], bus)
        started[0][1].wait_until(lambda: all(client.cluster("INFO")["cluster_state"] == "ok" for client in clients))
        yield [port for port, _ in started]


@contextlib.contextmanager
def _node() -> Iterator[tuple[int, Process]]:
    port = free_port()
    argv = _server("--port", str(port), "--cluster-port", str(free_port()), "--cluster-enabled", "yes")
    with scratch("cluster") as folder, running(argv, folder=folder, ready=_answers(port=port)) as process:
        yield port, process


def _server(*arguments: str) -> Argv:
    return [require("redis-server"), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *arguments]


def _answers(**where: object) -> Callable[[], bool]:
    def claim() -> bool:
        try:
            with redis.Redis(socket_timeout=1, retry=Retry(NoBackoff(), 0), **where) as client:  # type: ignore[arg-type]
                return bool(client.ping())
        except redis.RedisError:
            return False

    return claim
