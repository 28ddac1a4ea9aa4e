"""One evaluator per database: a second one does not get the lock; a crash frees it."""

import fcntl
import os
from contextlib import ExitStack
from typing import Final, Protocol

from sqlalchemy import Engine, text

from lapbell_evaluator.database.errors import DatabaseInUseError

__all__ = ["Lock", "take"]

_ADVISORY_KEY: Final = 0x6C617062656C6C  # "lapbell"


class Lock(Protocol):
    """Held until it is closed."""

    def close(self) -> None:
        """Let the next evaluator in."""
        ...


def take(engine: Engine) -> Lock:
    """Take the lock of the engine's database.

    SQLite: flock on a file beside the database, freed by the kernel however the process ends. PostgreSQL: an advisory
    lock of one session, freed by the server when the connection ends.

    Raises:
        DatabaseInUseError: another evaluator has it.
    """
    if engine.dialect.name == "sqlite":
        return _take_file(engine.url.database or "")
    return _take_advisory(engine)


def _take_file(database: str) -> Lock:
    file = os.open(f"{database}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    held = ExitStack()
    held.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(file, 20).decode(errors="replace").strip()
        held.close()
        raise DatabaseInUseError(
            f"{database} is in use by another evaluator{f' (process {owner})' if owner else ''}.",
            "Stop that one, or give this one another data_dir.",
        ) from None
    os.truncate(file, 0)
    os.write(file, f"{os.getpid()}\n".encode())
    return held


def _take_advisory(engine: Engine) -> Lock:
    held = ExitStack()
    connection = held.enter_context(engine.connect().execution_options(isolation_level="AUTOCOMMIT"))
    taken = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ADVISORY_KEY}).scalar_one()
    if not taken:
        held.close()
        raise DatabaseInUseError(
            f"{engine.url.render_as_string(hide_password=True)} is in use by another evaluator.",
            "Stop that one, or give this one another database.",
        )
    return held
