"""How the database is reached: its connections, one transaction, and which failures pass."""

import os
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final, Protocol, TypeVar, cast
from weakref import WeakSet

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DataError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from lapbell_evaluator.database.errors import DatabaseError, UnavailableError

__all__ = ["Connections"]

T = TypeVar("T")
_IDLE_MS: Final = 3_000
_NETWORK: Final = {  # a server that vanished is noticed within ten seconds; what the URL says rules
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "lapbell",
}
_MAY_WRITE: Final = "Set data_dir to a folder that this user may write to, or start lapbell as its owner."
_SQLITE_REMEDIES: Final = {
    "SQLITE_FULL": "Free some space on its disk.",
    "SQLITE_READONLY": _MAY_WRITE,
    "SQLITE_CANTOPEN": _MAY_WRITE,
    "SQLITE_CORRUPT": "The file is damaged: restore it from a backup, or move it away with its -wal.",
    "SQLITE_NOTADB": "The file is no SQLite database: move it away, or give this evaluator another data_dir.",
}
_OTHERWISE: Final = "See that its disk works and has room."


class _Server(Protocol):
    def fileno(self) -> int: ...


class Connections:
    """The connections to one database; none is made before it is needed.

    Args:
        url: SQLAlchemy's.

    Attributes:
        engine: makes and keeps them.

    Raises:
        DatabaseError: it is no URL of a database that can be used.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
            self.engine: Engine = create_engine(parsed if _is_sqlite(parsed) else _with_limits(parsed))
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError):
            # neither the URL nor what is wrong with it is shown: a password may be part of both
            raise DatabaseError(
                "database.url (or database.url_file) is no URL of a database that can be used.",
                "Write postgresql+psycopg://user@host:5432/name, and pip install 'lapbell[postgres]'.",
            ) from None
        self._servers: WeakSet[_Server] = WeakSet()
        event.listen(self.engine, "connect", self._sqlite_begins if self.is_sqlite else self._postgresql_begins)

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return self.engine.dialect.name == "sqlite"

    @property
    def shown(self) -> str:
        """The URL as people may see it: a password may be a parameter as well."""
        return self.engine.url.set(query={}).render_as_string(hide_password=True)

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Do `work` in one transaction; a connection that the server has ended meanwhile is replaced once.

        Raises:
            UnavailableError: nothing is written now; or, if the connection broke in the commit, it is not known.
            DatabaseError: nothing is written, and would not be another time.
        """
        try:
            return self._transact(work)
        except SQLAlchemyError as error:
            if not getattr(error, "connection_invalidated", False):
                raise self.failed(error) from error
        try:
            return self._transact(work)
        except SQLAlchemyError as error:
            raise self.failed(error) from error

    def failed(self, error: SQLAlchemyError, remedy: str = "") -> DatabaseError:
        """The same error in our words."""
        what = str(getattr(error, "orig", None) or error).strip()
        message = f"The alert database {self.shown} failed: {what}{'' if what.endswith('.') else '.'}"
        if isinstance(error, DataError | IntegrityError):
            return DatabaseError(message, remedy or "Nothing was written, and it would fail again: please report it.")
        return UnavailableError(message, remedy or self._remedy(error))

    def sever(self) -> None:
        """End every connection to a server from this side: who waits for an answer gets an error at once."""
        for connection in list(self._servers):
            is_closed = self.engine.dialect.loaded_dbapi.Error
            with suppress(OSError, is_closed), socket.socket(fileno=os.dup(connection.fileno())) as line:
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close those that are not in use."""
        self.engine.dispose()

    def _transact(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as connection:
            return work(connection)

    def _remedy(self, error: SQLAlchemyError) -> str:
        if not self.is_sqlite:
            return "Nothing was written. Start PostgreSQL, or mend the way to it: it is tried again by itself."
        name: str = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
        kind = next((kind for kind in _SQLITE_REMEDIES if name.startswith(kind)), "")
        return f"Nothing was written. {_SQLITE_REMEDIES.get(kind, _OTHERWISE)}"

    def _sqlite_begins(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        try:
            with closing(connection.cursor()) as cursor:
                cursor.execute("PRAGMA journal_mode=WAL")
                cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged transition survives a power cut
                cursor.execute("PRAGMA busy_timeout=5000")
        except BaseException:
            connection.close()  # nobody else knows of it yet
            raise

    def _postgresql_begins(self, connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        """A process that is stopped within a transaction holds the row of the lease no longer than the lease."""
        self._servers.add(cast("_Server", connection))  # psycopg's
        cursor = connection.cursor()
        cursor.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_MS}")
        cursor.close()
        connection.commit()


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _with_limits(url: URL) -> URL:
    return url.set(query=_NETWORK | dict(url.query))
