"""Turns at the engine: people's questions wait in a bounded queue, and who has used least is next.

Start-time fair queuing: each asker has a virtual time, the seconds that were used for them. Who comes back begins at
the time of the one served last, so that a pause saves nothing up. An asker has one question under way at a time; with
two threads, somebody else's slow question holds nobody up.

Source: Goyal, Vin, Cheng: Start-time Fair Queuing, SIGCOMM 1996.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from lapbell_evaluator.promql.errors import QueueFullError

__all__ = ["ASKER", "TurnLimits", "Turns"]

_T = TypeVar("_T")

ASKER: Final[ContextVar[str]] = ContextVar("lapbell_promql_asker", default="")
"""Who asks: the gate says it, and turns are fair between those that it tells apart."""


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """How many questions there may be.

    Attributes:
        threads: questions under way at once.
        waiting: questions that wait.
        waiting_of_one: those among them of one asker.
        patience_s: how long a question waits at most, seconds.
    """

    threads: int = 2
    waiting: int = 256
    waiting_of_one: int = 64
    patience_s: float = 30.0


class Turns:
    """Does work in threads, in fair turns; to be used from one event loop at a time.

    Args:
        limits: how many questions there may be.
        name: of the threads.
    """

    def __init__(self, limits: TurnLimits, name: str) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(max_workers=limits.threads, thread_name_prefix=name)
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._used: dict[str, float] = {}
        self._running: set[str] = set()
        self._now = 0.0

    @property
    def askers(self) -> frozenset[str]:
        """Whose questions wait or are under way."""
        return frozenset(self._used)

    def close(self) -> None:
        """End the threads after the work that runs."""
        self._pool.shutdown(cancel_futures=True)

    async def run(self, work: Callable[[], _T]) -> _T:
        """What `work` returns, in a thread, when it is the asker's turn; the turn lasts until the thread is done.

        Raises:
            QueueFullError: too many questions wait, or this one waited too long.
        """
        asker = ASKER.get()
        await self._turn(asker)
        began = time.monotonic()
        loop = asyncio.get_running_loop()

        def done(_: Future[_T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._release, asker, began)

        try:
            under_way = self._pool.submit(work)
        except RuntimeError:
            self._release(asker, began)
            raise
        under_way.add_done_callback(done)
        return await asyncio.wrap_future(under_way)

    async def _turn(self, asker: str) -> None:
        """Return when it is the asker's turn."""
        own = self._waiting.get(asker, ())
        if len(own) >= self._limits.waiting_of_one or sum(map(len, self._waiting.values())) >= self._limits.waiting:
            raise QueueFullError(f"{len(own)} of your queries wait already", retry_after_s=1)
        self._used[asker] = max(self._used.get(asker, 0.0), self._now)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(turn)
        self._start_next()
        try:
            async with asyncio.timeout(self._limits.patience_s):
                await turn
        except BaseException as error:
            self._give_up(asker, turn)
            if isinstance(error, TimeoutError):
                reason = f"the query waited {self._limits.patience_s:g} s for others"
                raise QueueFullError(reason, retry_after_s=10) from None
            raise

    def _give_up(self, asker: str, turn: "asyncio.Future[None]") -> None:
        if turn.done() and not turn.cancelled():
            self._release(asker, time.monotonic())
            return
        own = self._waiting[asker]
        own.remove(turn)
        if not own:
            del self._waiting[asker]
            self._forget(asker)

    def _release(self, asker: str, began: float) -> None:
        self._used[asker] += time.monotonic() - began
        self._running.discard(asker)
        self._forget(asker)
        self._start_next()

    def _forget(self, asker: str) -> None:
        if asker not in self._running and asker not in self._waiting:
            del self._used[asker]

    def _start_next(self) -> None:
        while len(self._running) < self._limits.threads:
            ready = self._waiting.keys() - self._running
            if not ready:
                return
            asker = min(ready, key=lambda one: (self._used[one], one))
            self._now = self._used[asker]
            turn = self._waiting[asker].popleft()
            if not self._waiting[asker]:
                del self._waiting[asker]
            self._running.add(asker)
            turn.set_result(None)
