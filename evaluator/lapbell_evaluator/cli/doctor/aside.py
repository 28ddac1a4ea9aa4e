"""Blocking work beside the loop, in threads that nobody waits for at the end."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from lapbell_evaluator.cli.doctor.patient import Address

__all__ = ["aside", "resolve"]

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns or raises.

    The thread is a daemon: one that hangs in a dead network's resolver, or on a dead disk, does not keep the process,
    as those of asyncio's own executor would.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        if not done.done():
            set_it()

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            tell: Callable[[], None] = _setter(done.set_exception, error)
        else:
            tell = _setter(done.set_result, result)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, tell)

    threading.Thread(target=run, daemon=True).start()
    return await done


def _setter(set_it: Callable[[T], None], value: T) -> Callable[[], None]:
    return lambda: set_it(value)


async def resolve(address: Address) -> None:
    """Return once the host's name is known.

    Raises:
        OSError: nobody knows it.
    """
    await aside(lambda: socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
