"""Blocking work beside the loop, in threads that nobody waits for at the end."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Final, TypeVar

from lapbell_evaluator.cli.address import Address
from lapbell_evaluator.cli.doctor.patience import patient

__all__ = ["in_daemon_thread", "resolve"]

T = TypeVar("T")
_NAME_S: Final = 1.0


async def in_daemon_thread(work: Callable[[], T]) -> T:
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
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, tell)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return await done


def _setter(set_it: Callable[[T], None], value: T) -> Callable[[], None]:
    return lambda: set_it(value)


async def resolve(address: Address) -> None:
    """Return once the host's name is known; to be awaited before what would ask a resolver in a thread of its own.

    Raises:
        OSError: nobody knows it, or nobody says so in time.
    """
    try:
        async with asyncio.timeout(patient(_NAME_S)):
            await in_daemon_thread(lambda: socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
    except (socket.gaierror, TimeoutError):
        raise OSError(f"the name {address.host} is not known") from None
