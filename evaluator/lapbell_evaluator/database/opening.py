"""How an evaluator gets a database: connected, alone, with tables up to date."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import Connection, insert

from lapbell_evaluator.database import schema, tables
from lapbell_evaluator.database.connections import Connections
from lapbell_evaluator.database.lease import Follower, Lease, Waiting
from lapbell_evaluator.database.lock import FileLock, Tenure
from lapbell_evaluator.database.mending import Mending

__all__ = ["Opened", "in_thread", "opened"]

T = TypeVar("T")
_LOOKED_AT_EACH_S: Final = 0.2
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that is this evaluator's.

    Attributes:
        connections: to it.
        tenure: the right to write.
    """

    connections: Connections
    tenure: Tenure

    def read(self, work: Callable[[Connection], T]) -> T:
        """The answer of one transaction."""
        return self.connections.transact(work)

    def upgrade(self) -> None:
        """Bring the tables up to date."""
        self.write(schema.upgrade)

    def begin(self, now: float) -> int:
        """Note that an evaluator starts at Unix seconds `now`; the id of that row."""
        start = insert(tables.evaluator_starts).values(started_at=now).returning(tables.evaluator_starts.c.id)
        return self.write(lambda connection: int(connection.execute(start).scalar_one()))

    def close(self) -> None:
        """Give it back."""
        self.tenure.close()
        self.connections.close()

    def write(self, work: Callable[[Connection], T]) -> T:
        """The answer of one transaction that writes."""

        def fenced(connection: Connection) -> T:
            self.tenure.fence(connection)
            return work(connection)

        return self.connections.transact(fenced)


async def opened(
    connections: Connections,
    thread: ThreadPoolExecutor,
    mending: Mending,
    on_waiting: Callable[[str], None] | None = None,
) -> Opened:
    """The database, once no other evaluator has it.

    Args:
        connections: to it.
        thread: of one worker; whatever asks the database runs there.
        mending: mends it if it is a file, and damaged.
        on_waiting: called with who has it, whenever that changes.

    Raises:
        DatabaseInUseError: another evaluator has it, and it is a SQLite file.
        DatabaseError: it cannot be opened.
    """
    try:
        database = Opened(connections, await _tenure(connections, thread, on_waiting))
        try:
            await in_thread(thread, mending.check)
            await in_thread(thread, database.upgrade)
        except BaseException:
            await in_thread(thread, database.tenure.close)
            raise
    except BaseException:
        connections.close()
        raise
    return database


async def in_thread(thread: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
    """The answer of `work`, called in `thread`."""
    return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)


async def _tenure(
    connections: Connections, thread: ThreadPoolExecutor, on_waiting: Callable[[str], None] | None
) -> Tenure:
    if connections.is_sqlite:
        return FileLock.taken(connections.engine.url.database or "")
    follower, owner = Follower(connections), ""
    await in_thread(thread, follower.connect)
    while True:
        lease = await _looked(follower, thread)
        if not isinstance(lease, Waiting):
            return lease
        if lease.owner and lease.owner != owner:
            owner = lease.owner
            _log.info("waiting for the alert database %s: %s", connections.shown, owner)
            if on_waiting is not None:
                on_waiting(owner)
        await asyncio.sleep(_LOOKED_AT_EACH_S)


async def _looked(follower: Follower, thread: ThreadPoolExecutor) -> Lease | Waiting:
    look = asyncio.ensure_future(in_thread(thread, follower.look))
    try:
        return await asyncio.shield(look)
    except asyncio.CancelledError:
        lease = await look
        if isinstance(lease, Lease):
            await in_thread(thread, lease.close)
        raise
