"""One thread that works for many senders, each in its turn.

A sender's connections share its turns by weighted fair queuing: each work has a size, and is due when it would be done
if all connections of the sender were served at once, a byte of each after the other. So a small export does not wait
for large ones that came before it, a large one waits for small ones only as long as a fair share would last, and who
sends much on one connection waits for itself.

Source: Demers, Keshav, Shenker: Analysis and Simulation of a Fair Queueing Algorithm, SIGCOMM 1989.
"""

import asyncio
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from lapbell_evaluator.server import Sender

__all__ = ["Turns"]

_T = TypeVar("_T")
_Work = Callable[[], None]

_LEAST_SIZE: Final = 4096  # whatever its size, a work has a cost


@dataclass(frozen=True, slots=True)
class _Due:
    """A work that waits, and the virtual time at which it would be done."""

    at: float
    size: int
    work: _Work


class _Line:
    """The works of one sender that wait, by connection, each connection's in the order in which they came."""

    def __init__(self) -> None:
        self._now = 0.0
        self._busy_until: dict[str, float] = {}  # connections whose works are done earlier than a fair share would be
        self.connections: dict[str, deque[_Due]] = {}

    def put(self, connection: str, work: _Work, size: int) -> None:
        """Behind the others of the connection."""
        dues = self.connections.setdefault(connection, deque())
        size = max(size, _LEAST_SIZE)
        begins = dues[-1].at if dues else max(self._now, self._busy_until.get(connection, 0.0))
        dues.append(_Due(begins + size, size, work))

    def drop(self, connection: str, work: _Work) -> None:
        """Nobody waits for it any more."""
        for due in self.connections.get(connection, ()):
            if due.work is work:
                self.connections[connection].remove(due)
                self._keep_if_busy(connection)
                return

    def next(self) -> _Work:
        """The work that is due first; of those due at once, that of the connection that has waited longest."""
        connection = min(self.connections, key=lambda name: self.connections[name][0].at)
        due = self.connections[connection].popleft()
        self._busy_until[connection] = due.at
        self._now += due.size / len(self.connections.keys() | self._busy_until.keys())
        self._busy_until = {name: until for name, until in self._busy_until.items() if until > self._now}
        self._keep_if_busy(connection)
        return due.work

    def _keep_if_busy(self, connection: str) -> None:
        if not self.connections[connection]:
            del self.connections[connection]


class Turns:
    """Does works one after the other, in a thread of its own: first a sender's turn, then a connection's of it.

    A sender (an identity at an address) that has much to be done waits longer, and others wait for one of its works at
    most. Of one sender's connections that is due whose work is small, or has waited long; within a connection works are
    done in the order in which they came.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._changed = threading.Condition()
        self._senders: OrderedDict[Sender, _Line] = OrderedDict()  # whose turn it is stands in front
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def run(self, sender: Sender, connection: str, work: Callable[[], _T], *, size: int = 0) -> _T:
        """The result of `work`; who is cancelled before its turn has nothing done, and leaves nothing behind.

        Args:
            sender: whose turn it takes.
            connection: by which of its connections it came.
            work: what is to be done.
            size: in bytes, what it costs compared with others.
        """
        done: Future[_T] = Future()
        doing = partial(_do, work, done)
        self._put(sender, connection, doing, size)
        try:
            return await asyncio.wrap_future(done)
        except asyncio.CancelledError:
            self._drop(sender, connection, doing)
            raise

    @property
    def waiting(self) -> int:
        """Works whose turn has not come."""
        with self._changed:
            return sum(len(dues) for line in self._senders.values() for dues in line.connections.values())

    def stop(self) -> None:
        """End the thread after the works that wait."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()

    def _put(self, sender: Sender, connection: str, work: _Work, size: int) -> None:
        with self._changed:
            self._senders.setdefault(sender, _Line()).put(connection, work, size)
            self._changed.notify()

    def _drop(self, sender: Sender, connection: str, work: _Work) -> None:
        with self._changed:
            line = self._senders.get(sender)
            if line is not None:
                line.drop(connection, work)
                self._keep_if_busy(sender)

    def _keep_if_busy(self, sender: Sender) -> None:
        if not self._senders[sender].connections:
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
        """What is due first of the sender whose turn it is, who goes to the back."""
        sender, line = next(iter(self._senders.items()))
        work = line.next()
        self._senders.move_to_end(sender)
        self._keep_if_busy(sender)
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
