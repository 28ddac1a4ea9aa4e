"""One thread that works for many senders, each in its turn."""

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from lapbell_evaluator.server import Sender

__all__ = ["Turns"]

_T = TypeVar("_T")
_Work = Callable[[], None]
_OfSender = OrderedDict[str, deque[_Work]]


class Turns:
    """Does works one after the other, in a thread of its own: first a sender's turn, then a connection's of it.

    A sender (an identity at an address) that has much to be done waits longer, and others wait for one of its works at
    most. Within a connection works are done in the order in which they came.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._senders: OrderedDict[Sender, _OfSender] = OrderedDict()  # whose turn it is stands in front
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, sender: Sender, connection: str, work: Callable[[], _T]) -> _T:
        """The result of `work`; who is cancelled before its turn has nothing done, and leaves nothing behind."""
        done: Future[_T] = Future()
        doing = partial(_do, work, done)
        self._put(sender, connection, doing)
        try:
            return await asyncio.wrap_future(done)
        except asyncio.CancelledError:
            self._drop(sender, connection, doing)
            raise

    @property
    def waiting(self) -> int:
        """Works whose turn has not come."""
        with self._changed:
            return sum(len(works) for of_sender in self._senders.values() for works in of_sender.values())

    def stop(self) -> None:
        """End the thread after the works that wait."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()

    def _put(self, sender: Sender, connection: str, work: _Work) -> None:
        with self._changed:
            of_sender = self._senders.setdefault(sender, OrderedDict())
            of_sender.setdefault(connection, deque()).append(work)
            self._changed.notify()

    def _drop(self, sender: Sender, connection: str, work: _Work) -> None:
        with self._changed:
            of_sender = self._senders.get(sender, OrderedDict())
            works = of_sender.get(connection, deque())
            if work in works:
                works.remove(work)
                self._keep_if_busy(sender, connection)

    def _keep_if_busy(self, sender: Sender, connection: str) -> None:
        """Forget a connection without works, and a sender without connections."""
        of_sender = self._senders[sender]
        if not of_sender[connection]:
            del of_sender[connection]
        if not of_sender:
            del self._senders[sender]

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._senders or self._is_stopping)
                if not self._senders:
                    return
                work = self._next()
            work()

    def _next(self) -> _Work:
        """The first work of the connection whose turn it is; connection and sender go to the back."""
        sender, of_sender = next(iter(self._senders.items()))
        connection, works = next(iter(of_sender.items()))
        work = works.popleft()
        of_sender.move_to_end(connection)
        self._senders.move_to_end(sender)
        self._keep_if_busy(sender, connection)
        return work


def _do(work: Callable[[], _T], done: "Future[_T]") -> None:
    """Do a work that somebody still waits for."""
    if not done.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the work, not to the thread
        done.set_exception(error)
    else:
        done.set_result(result)
