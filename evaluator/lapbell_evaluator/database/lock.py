"""One evaluator per database: a second one does not get the lock; a crash frees it."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from lapbell_evaluator.database.errors import DatabaseError, DatabaseInUseError

__all__ = ["Lock", "take"]

_ADVISORY_KEY: Final = 0x6C617062656C6C  # "lapbell"
_SILENT_S: Final = 60


class Lock(Protocol):
    """Held until it is closed."""

    def check(self) -> None:
        """Whether it is still held, and a sign of life to who keeps it.

        Raises:
            DatabaseError: it was lost; another evaluator may have it.
        """
        ...

    def close(self) -> None:
        """Let the next evaluator in."""
        ...


def take(engine: Engine) -> Lock:
    """Take the lock of the engine's database.

    SQLite: flock on a file beside the database, freed by the kernel however the process ends. PostgreSQL: an advisory
    lock of one session, which the server ends after a minute of silence: a process that was stopped, or a machine that
    vanished, does not keep it for ever.

    Raises:
        DatabaseInUseError: another evaluator has it.
    """
    if engine.dialect.name == "sqlite":
        return _take_file(engine.url.database or "")
    return _take_advisory(engine)


@dataclass(frozen=True, slots=True)
class _FileLock:
    file: int

    def check(self) -> None:
        """An open file keeps its lock."""

    def close(self) -> None:
        os.close(self.file)


@dataclass(frozen=True, slots=True)
class _SessionLock:
    connection: Connection

    def check(self) -> None:
        try:
            self.connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            raise DatabaseError(
                f"The lock of the alert database was lost: {error}",
                "Another evaluator may have taken over; restart this one.",
            ) from error

    def close(self) -> None:
        with suppress(SQLAlchemyError):  # a session that has ended holds nothing
            self.connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_KEY})
        self.connection.invalidate()
        self.connection.close()


def _take_file(database: str) -> Lock:
    file = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(file, 20).decode(errors="replace").strip()
        os.close(file)
        raise DatabaseInUseError(
            f"{database} is in use by another evaluator{f' (process {owner})' if owner else ''}.",
            "Stop that one, or give this one another data_dir.",
        ) from None
    os.truncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())
    return _FileLock(file)


def _take_advisory(engine: Engine) -> Lock:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.execute(text(f"SET idle_session_timeout = '{_SILENT_S}s'"))
    if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_KEY}).scalar_one():
        connection.invalidate()
        connection.close()
        raise DatabaseInUseError(
            f"{engine.url.render_as_string(hide_password=True)} is in use by another evaluator.",
            "Stop that one, or give this one another database.",
        )
    return _SessionLock(connection)
