"""A damaged SQLite file of alerts is set aside, and what can be read of it is taken over: alerting must begin."""

import logging
import sqlite3
from pathlib import Path
from typing import Any, Final

from lapbell_evaluator.damage import FAULTS, DamageLog, Lost, hidden_writes, is_damage, reseal, salvage, set_aside
from lapbell_evaluator.database import schema, tables
from lapbell_evaluator.database.connections import Connections
from lapbell_evaluator.database.errors import DatabaseError
from lapbell_evaluator.model import Clock

__all__ = ["Mending"]

_CHECKED_WHOLE_BYTES: Final = 256 * 1024**2
"""About a second of reading; in larger files damage shows where something is read."""
_log: Final = logging.getLogger(__name__)


class Mending:
    """Mends one database file; to be used in the thread that has its connections, by who has its lock.

    Args:
        connections: to the database.
        damage: is told of what is lost.
        clock: gives the date of the file that is set aside.
    """

    def __init__(self, connections: Connections, damage: DamageLog, clock: Clock) -> None:
        self._connections = connections
        self._damage = damage
        self._clock = clock
        database = connections.engine.url.database if connections.is_sqlite else None
        self._path = Path(database) if database and database != ":memory:" else None

    def check(self) -> None:
        """Mend the file if it is damaged, as far as that can be seen at once."""
        if self._path is None or not self._path.exists():
            return
        fault = hidden_writes(self._path) or _fault(self._path)
        if fault is not None:
            self._mend(self._path, fault)

    def mended(self, error: BaseException) -> bool:
        """Mend the file if that is what an error of SQLAlchemy's or ours speaks of; whether it was mended.

        Raises:
            DatabaseError: it cannot be moved aside.
        """
        fault = _origin(error)
        if self._path is None or fault is None or not is_damage(fault, self._path):
            return False
        self._mend(self._path, fault)
        return True

    def _mend(self, path: Path, fault: BaseException) -> None:
        self._connections.close()  # SQLite removes the log by its name when the last connection closes
        try:
            aside = set_aside(path, self._clock.now())
        except OSError as error:
            raise DatabaseError(
                f"The alert database {path} is damaged ({fault}) and can't be moved aside: {error}.",
                "Move it away by hand, and let the evaluator write to its data_dir.",
            ) from error
        reseal(aside)
        self._damage.note(path.name, fault)
        self._connections.transact(schema.upgrade)
        self._connections.close()
        rows = _taken_over(aside, path, self._damage) if aside.is_file() else 0
        _log.error(
            "alerts: %s is damaged (%s): it is kept as %s, and a new one begins with %d rows of it.",
            path,
            fault,
            aside,
            rows,
        )


def _fault(path: Path) -> BaseException | None:
    """What is wrong with the file; None if nothing is, or if that is not the file's fault."""
    connection = None
    try:
        connection = sqlite3.connect(path)
        if path.stat().st_size <= _CHECKED_WHOLE_BYTES:
            for (text,) in connection.execute("PRAGMA integrity_check(1)"):
                if text != "ok":
                    return sqlite3.DatabaseError(text)
        else:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except FAULTS as error:
        return error if is_damage(error, path) else None
    finally:
        if connection is not None:
            connection.close()
    return None


def _origin(error: BaseException | None) -> BaseException | None:
    """The error of the driver behind ours."""
    while error is not None:
        if isinstance(error, FAULTS):
            return error
        error = getattr(error, "orig", None) or error.__cause__
    return None


def _taken_over(aside: Path, path: Path, damage: DamageLog) -> int:
    copied = 0
    damaged, whole = sqlite3.connect(aside), sqlite3.connect(path)
    try:
        damaged.execute("PRAGMA query_only = ON")
        for table in tables.metadata.sorted_tables:
            columns = _columns(damaged, table.name) or [column.name for column in table.columns]
            own = [f'"{column.name}"' for column in table.columns if column.name in columns]
            marks = ", ".join("?" * len(own))
            statement = f"INSERT OR IGNORE INTO {table.name} ({', '.join(own)}) VALUES ({marks})"  # noqa: S608 - our names
            for rows in salvage(damaged, table.name, own):
                if isinstance(rows, Lost):
                    damage.note(f"{table.name}, rows {rows.first} to {rows.last} of {aside.name}", rows.error)
                else:
                    copied += _put(whole, statement, rows)
    finally:
        damaged.close()
        whole.close()
    return copied


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """What the table has, which an older lapbell may have made; empty if that cannot be read."""
    try:
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    except FAULTS:
        return []


def _put(connection: sqlite3.Connection, statement: str, rows: list[tuple[Any, ...]]) -> int:
    with connection:
        return connection.executemany(statement, rows).rowcount
