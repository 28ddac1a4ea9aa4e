"""The one thread that writes to the database, the one that reads, and what happens while the database is away.

Writing fails open: what cannot be written waits in memory, in order, and the evaluator goes on; the database is tried
again for ever, and what waits is written once. Each transaction begins with the fence of the tenure and the number of
its batch: a batch whose commit got lost on the way is known by its number, and not written twice.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from sqlalchemy import Connection, bindparam, update

from lapbell import semconv
from lapbell_evaluator.database import tables
from lapbell_evaluator.database.connections import Connections
from lapbell_evaluator.database.errors import DatabaseError, LeaseLostError, UnavailableError
from lapbell_evaluator.database.lock import Tenure
from lapbell_evaluator.database.unwritten import Batch, Unwritten
from lapbell_evaluator.database.writing import Mark, mark, write
from lapbell_evaluator.model import Change, Notice, Reading, ReadingKind, Recipients

__all__ = ["Trouble", "Writer"]

T = TypeVar("T")
_PATIENCE_S: Final = 3.0
_READ_PATIENCE_S: Final = 30.0
_CLOSING_S: Final = 5.0
_STUCK_S: Final = 30.0
_MENDING_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 2.0
_FAILING_HELP: Final = "Seconds since which the alert database takes nothing; 0 while it does."
_UNWRITTEN_HELP: Final = "Batches of changes that wait until the alert database takes them."
_DROPPED_HELP: Final = "Moves of alerts that are missing in history: too many came while the database took nothing."
_STARTS: Final = tables.evaluator_starts.c
_NUMBERED: Final = (
    update(tables.evaluator_starts)
    .where(_STARTS.id == bindparam("start"), _STARTS.last_write < bindparam("number"))
    .values(last_write=bindparam("number"))
    .returning(_STARTS.id)
)
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trouble:
    """The database takes nothing.

    Attributes:
        reason: the first error, and its remedy.
        since: by the clock of `Writer`.
    """

    reason: str
    since: float


class Writer:
    """Writes what comes, one after the other, and reads what is asked for.

    Args:
        connections: to the database.
        tenure: the right to write.
        thread: of one worker, which writes.
        start: the row of this evaluator in `evaluator_starts`.
        elapsed: seconds that only grow.
        mended: mends the database in the thread, if that is what an error asks for, and says whether it did.
    """

    def __init__(
        self,
        connections: Connections,
        tenure: Tenure,
        thread: ThreadPoolExecutor,
        start: int,
        elapsed: Callable[[], float] = time.monotonic,
        mended: Callable[[DatabaseError], bool] = lambda _: False,
    ) -> None:
        self._connections = connections
        self._tenure = tenure
        self._thread = thread
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapbell-database-reads")
        self._start = start
        self._elapsed = elapsed
        self._mended = mended
        self._unwritten = Unwritten()
        self._on_recovered: list[Callable[[], None]] = []
        self._recovering: asyncio.Task[None] | None = None
        self._began: float | None = None
        self.trouble: Trouble | None = None
        self.lost: LeaseLostError | None = None

    def subscribe_recovered(self, subscriber: Callable[[], None]) -> None:
        """Call `subscriber` when the database takes writes again, and all that waited is written."""
        self._on_recovered.append(subscriber)

    async def commit(self, change: Change, recipients: Recipients) -> None:
        """Write a change, or keep it until it can be written.

        Raises:
            DatabaseError: it never will be: another evaluator has taken over, or a row cannot be.
        """
        if change.is_empty:
            self.check()
            return
        await self._written(partial(self._unwritten.add, change, recipients))

    async def note(self, noted: Mark) -> None:
        """Note what became of notices, as `commit` does."""
        await self._written(partial(self._unwritten.note, noted))

    async def pending(
        self, receiver: str, limit: int, read: Callable[[Connection], tuple[Notice, ...]]
    ) -> tuple[Notice, ...]:
        """Notices that wait: by `read`; while the database takes nothing, those that wait in memory."""
        self.check()
        if self.trouble is None:
            try:
                return await self._in_thread(partial(self._drained, read))
            except UnavailableError as error:
                if not self._unwritten:
                    raise
                self.fails(error)
        return self._unwritten.pending(receiver, limit)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """The answer of a transaction that only reads: it holds up no writing.

        Raises:
            UnavailableError: the database cannot be asked now.
        """
        patience_s = _READ_PATIENCE_S if self.trouble is None else _PATIENCE_S
        return await self._answer(self._reading, partial(self._connections.transact, work), patience_s)

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """The answer of a transaction that writes what may as well be written another time.

        Raises:
            DatabaseError: nothing was written.
        """
        self.check()

        def fenced(connection: Connection) -> T:
            self._tenure.fence(connection)
            return work(connection)

        return await self._in_thread(partial(self._connections.transact, fenced))

    def check(self) -> None:
        """Raise LeaseLostError if another evaluator has taken over."""
        if self.lost is not None:
            raise self.lost

    def fails(self, error: DatabaseError) -> None:
        """The database was seen not to take anything, or to be another's."""
        if isinstance(error, LeaseLostError):
            if self.lost is None:
                self.lost = error
                _log.error("%s %d batches of changes were not written.", error, len(self._unwritten))
        elif self.trouble is None and self.lost is None:
            self.trouble = Trouble(str(error), self._elapsed())
            _log.error("%s Alerts go on in memory.", error)
            self._recovering = asyncio.get_running_loop().create_task(self._recover())

    def readings(self) -> tuple[Reading, ...]:
        """What the database says about itself."""
        failing_s = 0.0 if self.trouble is None else self._elapsed() - self.trouble.since
        failing, unwritten = semconv.LAPBELL_DATABASE_FAILING_TIME, semconv.LAPBELL_DATABASE_UNWRITTEN
        dropped = semconv.LAPBELL_DATABASE_DROPPED
        return (
            Reading(failing, ReadingKind.GAUGE, "s", failing_s, _FAILING_HELP),
            Reading(unwritten, ReadingKind.GAUGE, "{batch}", len(self._unwritten), _UNWRITTEN_HELP),
            Reading(dropped, ReadingKind.COUNTER, "{transition}", self._unwritten.dropped_transitions, _DROPPED_HELP),
        )

    async def close(self) -> None:
        """Write what waits if that is possible, and let the next evaluator in."""
        if self._recovering is not None:
            self._recovering.cancel()
        try:
            if self.lost is None:
                await self._in_thread(self._drain, _CLOSING_S)
        except DatabaseError as error:
            _log.error("%s %d batches of changes are lost.", error, len(self._unwritten))
        try:
            await self._in_thread(self._tenure.close, _CLOSING_S)
        except UnavailableError:
            self._connections.sever()
        self._connections.close()
        self._thread.shutdown(wait=False)
        self._reading.shutdown(wait=False, cancel_futures=True)

    async def _written(self, add: Callable[..., Batch]) -> None:
        self.check()
        if self.trouble is not None:
            add(joins=True)
            await asyncio.sleep(0)  # who only writes must not keep the loop from trying the database again
            return
        batch = add(joins=False)
        try:
            await self._in_thread(self._drain)
        except UnavailableError as error:
            self.fails(error)
        if batch.written.done():
            batch.written.result()

    async def _recover(self) -> None:
        """Try again, after pauses that double up to two seconds, until the database takes everything."""
        pause = _FIRST_PAUSE_S
        is_written = False
        while not is_written or self._unwritten:
            await asyncio.sleep(0 if is_written else pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            try:
                await self._in_thread(partial(self._drained, self._tenure.fence))
                is_written = True
            except UnavailableError as error:
                is_written = False
                self._end_what_is_stuck()
                await self._mend(error)
            except LeaseLostError:
                return
        _log.info("The alert database takes everything again.")
        self.trouble = None
        for subscriber in self._on_recovered:
            subscriber()

    async def _mend(self, error: DatabaseError) -> None:
        """Take over what is left of a damaged file, while neither thread uses it."""
        try:
            await self._answer(self._reading, lambda: self._thread.submit(self._mended, error).result(), _MENDING_S)
        except DatabaseError as fault:
            _log.error("%s", fault)

    def _end_what_is_stuck(self) -> None:
        """A server that vanished without a word may never answer on a connection; on a new one it may."""
        began = self._began
        if began is not None and self._elapsed() - began > _STUCK_S:
            self._connections.sever()

    async def _in_thread(self, work: Callable[[], T], patience_s: float = _PATIENCE_S) -> T:
        try:
            return await self._answer(self._thread, work, patience_s)
        except LeaseLostError as error:
            self.fails(error)
            raise

    @staticmethod
    async def _answer(thread: ThreadPoolExecutor, work: Callable[[], T], patience_s: float) -> T:
        done = asyncio.get_running_loop().run_in_executor(thread, work)
        try:
            async with asyncio.timeout(patience_s):
                return await done
        except TimeoutError:
            raise UnavailableError(
                f"The alert database has not answered for {patience_s:.0f} s.", "It is asked again by itself."
            ) from None

    # In the thread ------------------------------------------------------------------------------------------------

    def _drained(self, work: Callable[[Connection], T]) -> T:
        self._drain()
        return self._connections.transact(work)

    def _drain(self) -> None:
        """Write what waits, in order.

        Raises:
            UnavailableError: it waits still.
            LeaseLostError: it will not be written.
        """
        while (batch := self._unwritten.first()) is not None:
            self._began = self._elapsed()
            try:
                self._connections.transact(partial(self._write, batch=batch))
            except (UnavailableError, LeaseLostError):
                raise
            except Exception as error:  # noqa: BLE001 - it belongs to who awaits the batch, and it would fail again
                _log.error("A change could not be written: %s", error)
                self._unwritten.remove(batch)
                batch.written.set_exception(error)
            else:
                self._unwritten.remove(batch)
                batch.written.set_result(None)
            finally:
                self._began = None

    def _write(self, connection: Connection, batch: Batch) -> None:
        self._tenure.fence(connection)
        if connection.execute(_NUMBERED, {"start": self._start, "number": batch.number}).scalar() is None:
            return  # its commit was made, and the answer got lost
        write(connection, batch.change(), [(notice.receiver, notice.transition.id) for notice in batch.notices])
        for noted in batch.marks:
            mark(connection, noted)
