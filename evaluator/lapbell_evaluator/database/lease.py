"""One evaluator per PostgreSQL database: a row says who, until when, and which epoch that is.

The evaluator that has the lease renews it each second for three. Who follows takes it over when it has run out, by
giving it the next epoch. Each transaction that writes begins by locking the row of its own epoch `FOR KEY SHARE`: a
renewal, which touches no key, does not wait for it; a take-over changes the key, so it waits for the transactions under
way, and the later ones of the old epoch find no row. So an evaluator that was stopped, or cut off, and comes back
writes nothing more, whatever its clock says: all times are the server's.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Double, cast, extract, func, inspect, select, update
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError

from lapbell_evaluator.database import schema, tables
from lapbell_evaluator.database.connections import Connections
from lapbell_evaluator.database.errors import DatabaseError, LeaseLostError, UnavailableError

__all__ = ["LEASE_S", "Follower", "Lease", "Waiting"]

LEASE_S: Final = 3.0
_RENEWED_EACH_S: Final = 1.0
_RETRIED_EACH_S: Final = 0.5
_SLOW_S: Final = 1.0
_STATEMENT_MS: Final = 2_000
_ADVISORY_KEY: Final = 0x6C617062656C6C  # "lapbell": older evaluators held it for as long as they ran
_SERVER_NOW: Final = cast(extract("epoch", func.clock_timestamp()), Double)
_TAKEN: Final = "Another evaluator has taken the alert database over: this one was away for longer than its lease."

_LEASE: Final = tables.evaluator_lease.c


@dataclass(frozen=True, slots=True)
class Waiting:
    """The lease is not ours yet.

    Attributes:
        owner: who has it; what is wrong if the database does not answer; empty if it may be taken.
    """

    owner: str


class Lease:
    """The lease in one epoch, renewed by a thread of its own until it is closed or lost.

    Args:
        connections: to the database.
        epoch: the one that was taken.
    """

    def __init__(self, connections: Connections, epoch: int) -> None:
        self._connections = connections
        self.epoch = epoch
        self._ended = threading.Event()
        self._connection: Connection | None = None
        self._on_renewal: Callable[[DatabaseError | None], None] | None = None
        self._thread = threading.Thread(target=self._keep, name="lapbell-lease", daemon=True)

    @classmethod
    def taken(cls, connections: Connections) -> "Lease | Waiting":
        """The lease if nobody has it, renewed from now on; otherwise who does. Brings new tables up to date.

        Raises:
            DatabaseError: the database cannot be asked.
        """
        answer = connections.transact(_take)
        if isinstance(answer, Waiting):
            return answer
        lease = cls(connections, answer)
        lease._thread.start()
        return lease

    def watch(self, on_renewal: Callable[[DatabaseError | None], None]) -> None:
        """Call `on_renewal` from the lease's thread after each renewal: with None, or why it failed."""
        self._on_renewal = on_renewal

    def fence(self, connection: Connection) -> None:
        """Begin a transaction that writes.

        Raises:
            LeaseLostError: the lease is another epoch's.
        """
        own = select(_LEASE.epoch).where(_LEASE.epoch == self.epoch).with_for_update(read=True, key_share=True)
        if connection.execute(own).scalar() is None:
            raise _lost()

    def close(self) -> None:
        """Stop renewing and let the next evaluator in at once; if that cannot be said, it waits for three seconds."""
        self._ended.set()
        self._thread.join(LEASE_S)
        if self._thread.is_alive():
            return  # it waits for a server that does not answer
        self._disconnect()
        release = update(tables.evaluator_lease).where(_LEASE.epoch == self.epoch).values(until=0.0)
        with suppress(DatabaseError):
            self._connections.transact(lambda connection: connection.execute(release))

    def _keep(self) -> None:
        pause = _RENEWED_EACH_S
        while not self._ended.wait(pause):
            error = self._renew()
            pause = _RETRIED_EACH_S if error is not None else _RENEWED_EACH_S
            if self._on_renewal is not None:
                self._on_renewal(error)
            if isinstance(error, LeaseLostError):
                return

    def _renew(self) -> DatabaseError | None:
        """None, or why the lease was not renewed: it may be late, as long as nobody took it meanwhile."""
        renewed = (
            update(tables.evaluator_lease)
            .where(_LEASE.epoch == self.epoch)
            .values(until=_SERVER_NOW + LEASE_S)
            .returning(_LEASE.epoch)
        )
        try:
            if self._connection is None:
                self._connection = self._connections.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
                self._connection.exec_driver_sql(f"SET statement_timeout = {_STATEMENT_MS}")
            own = self._connection.execute(renewed).scalar()
        except SQLAlchemyError as error:
            self._disconnect()
            return self._connections.failed(error)
        return None if own is not None else _lost()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # its limits are not for others
            self._connection.close()
            self._connection = None


class Follower:
    """Waits for the lease.

    After the database was away, a follower looks on for as long as a lease lasts: the evaluator that has it may renew
    it first, with all that it could not write.

    Args:
        connections: to the database.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._not_before = 0.0

    def connect(self) -> None:
        """See whether the database answers at all.

        Raises:
            DatabaseError: it does not, or refuses this user.
        """
        try:
            self._connections.transact(lambda connection: connection.execute(select(1)))
        except UnavailableError as error:
            remedy = "Start it, or mend database.url (or database.url_file)."
            raise UnavailableError(error.message, remedy) from error

    def look(self) -> "Lease | Waiting":
        """The lease, or who has it; a server that is away is waited for as well.

        Raises:
            DatabaseError: the tables cannot be brought up to date.
        """
        began = time.monotonic()
        try:
            if began < self._not_before:
                return self._connections.transact(_holder)
            lease = Lease.taken(self._connections)
        except UnavailableError as error:
            if not isinstance(error.__cause__, OperationalError | InterfaceError):
                raise
            self._not_before = time.monotonic() + LEASE_S
            return Waiting(str(error))
        if isinstance(lease, Waiting) and time.monotonic() - began > _SLOW_S:
            self._not_before = time.monotonic() + LEASE_S
        return lease


def _lost() -> LeaseLostError:
    return LeaseLostError(_TAKEN, "Restart it: it follows the other one then.")


def _take(connection: Connection) -> int | Waiting:
    """The next epoch, if the last one has ended."""
    has_table = inspect(connection).has_table(tables.evaluator_lease.name)
    if has_table and (holder := _holder(connection)).owner:
        return holder
    if not connection.execute(select(func.pg_try_advisory_xact_lock(_ADVISORY_KEY))).scalar_one():
        return Waiting("an older lapbell, or one that starts")
    if not has_table:
        schema.upgrade(connection)
    next_one = (
        update(tables.evaluator_lease)
        .values(epoch=_LEASE.epoch + 1, owner=_own_name(), until=_SERVER_NOW + LEASE_S)
        .where(_LEASE.until <= _SERVER_NOW)
        .returning(_LEASE.epoch)
    )
    epoch = connection.execute(next_one).scalar()
    return _holder(connection) if epoch is None else epoch


def _holder(connection: Connection) -> Waiting:
    """Who has the lease now; nobody if it has run out."""
    owner = connection.execute(select(_LEASE.owner).where(_LEASE.until > _SERVER_NOW)).scalar()
    return Waiting(owner or "")


def _own_name() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"
