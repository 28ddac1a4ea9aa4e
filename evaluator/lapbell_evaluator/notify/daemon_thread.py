"""Blocking work of others beside the loop, in a thread that nobody waits for at the end."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

__all__ = ["DaemonThread"]

T = TypeVar("T")


class DaemonThread(Generic[T]):
    """One piece of work at a time; one that hangs keeps neither the loop nor the end of the process waiting."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether the last piece of work goes on, although nobody may wait for it any more."""
        return self._thread is not None and self._thread.is_alive()

    async def run(self, work: Callable[[], T], timeout_s: float) -> T:
        """What it returns or raises.

        Args:
            work: to be done; not while another piece of work goes on.
            timeout_s: seconds to wait for it; it may go on after that.

        Raises:
            TimeoutError: it took longer.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: Exception | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type] # of no error there is a result

        def run() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as raised:  # noqa: BLE001 - raised again where it is awaited
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, result, error)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        async with asyncio.timeout(timeout_s):
            return await done
