"""One evaluator per database file: a second one does not get the lock; a crash frees it."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from lapbell_evaluator.database.errors import DatabaseError, DatabaseInUseError

__all__ = ["FileLock", "Tenure"]


class Tenure(Protocol):
    """The right to write to the database, until it is closed."""

    def fence(self, connection: Connection) -> None:
        """Begin a transaction that writes: nobody else gets the right before it has ended.

        Raises:
            LeaseLostError: another evaluator has it.
        """
        ...

    def close(self) -> None:
        """Let the next evaluator in."""
        ...


@dataclass(frozen=True, slots=True)
class FileLock:
    """flock on a file beside a SQLite database: the kernel frees it however the process ends.

    No lease as on PostgreSQL: two evaluators of one file are on one machine, where the kernel knows at once that one
    has ended, even by `kill -9`, and nobody has to wait for three seconds.
    """

    file: int

    @classmethod
    def taken(cls, database: str) -> "FileLock":
        """The lock of a database file; the folder is made if it is not there.

        Raises:
            DatabaseInUseError: another evaluator has it.
            DatabaseError: the folder cannot be written to.
        """
        path = Path(f"{database}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DatabaseError(
                f"The alert database {database} cannot be opened for writing: {error.strerror or error}.",
                "Set data_dir to a folder that this user may write to, or start lapbell as its owner.",
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(file, 20).decode(errors="replace").strip()
            os.close(file)
            raise DatabaseInUseError(
                f"{database} is in use by another evaluator{f' (process {owner})' if owner else ''}.",
                "Stop that one, or give this one another data_dir.",
            ) from None
        with suppress(OSError):  # a full disk: who has the lock is for people alone
            os.truncate(file, 0)
            os.write(file, f"{os.getpid()}\n".encode())
        return cls(file)

    def fence(self, connection: Connection) -> None:
        """An open file keeps its lock."""

    def close(self) -> None:
        """Let the next evaluator in."""
        os.close(self.file)
