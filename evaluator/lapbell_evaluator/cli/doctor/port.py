"""What listens on a port."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.cli.address import Address
from lapbell_evaluator.cli.doctor.daemon_thread import in_daemon_thread, resolve
from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.cli.doctor.process import owner_of

__all__ = ["Port", "look_at"]

_CONNECT_S: Final = 1.0
_ANSWER_S: Final = 0.7
_MOST_BYTES: Final = 2048
_HTTP2_SETTINGS: Final = 4


@dataclass(frozen=True, slots=True)
class Port:
    """One port as it was met.

    Attributes:
        is_taken: somebody accepts connections.
        trouble: why nobody does.
        kind: what it seems to be.
        owner: the process, where it can be told; empty otherwise.
    """

    is_taken: bool
    trouble: str = ""
    kind: str = ""
    owner: str = ""

    @property
    def who(self) -> str:
        """What it is and whose."""
        return f"{self.kind} ({self.owner})" if self.owner else self.kind


async def look_at(address: Address) -> Port:
    """Connect, and say hello if somebody is there."""
    try:
        await resolve(address)
        async with asyncio.timeout(patient(_CONNECT_S)):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return Port(is_taken=False, trouble=f"no answer within {patient(_CONNECT_S):g} s")
    except OSError as error:
        return Port(is_taken=False, trouble=_plain(error))
    try:
        kind = await _kind(reader, writer, address)
    finally:
        writer.close()
    owner = await in_daemon_thread(lambda: owner_of(address.port)) if address.is_here else None
    return Port(is_taken=True, kind=kind, owner=str(owner) if owner else "")


async def _kind(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: Address) -> str:
    """What the first words tell; a gRPC server speaks first, others wait for a request."""
    writer.write(f"HEAD / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
    received = b""
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(patient(_ANSWER_S)):
            await writer.drain()
            received = await reader.read(_MOST_BYTES)
    if received.startswith(b"HTTP/"):
        return f"a web server{_server(received)}"
    if len(received) > _HTTP2_SETTINGS - 1 and received[3] == _HTTP2_SETTINGS:
        return "a gRPC server"
    return "something that does not speak HTTP" if received else "something that says nothing"


def _server(head: bytes) -> str:
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "server":
            return f", {value.strip()}"
    return ""


def _plain(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens"
    return error.strerror or str(error)
