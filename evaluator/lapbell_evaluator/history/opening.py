"""A file of history that can be opened and read: a damaged one is set aside, and what is left of it is taken over."""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from lapbell_evaluator.damage import FAULTS, DamageLog, Lost, hidden_writes, is_damage, reseal, salvage, set_aside
from lapbell_evaluator.history.errors import DamagedError, HistoryError
from lapbell_evaluator.history.names import labels_of_text
from lapbell_evaluator.history.schema import open_reader, open_writer

__all__ = ["leave", "mend", "prepare", "take_over"]

_CHECKED_WHOLE_BYTES: Final = 64 * 1024**2
"""Less than a second of reading; of larger files what the start reads is read."""
_LONGEST_TAKE_OVER_S: Final = 30.0
_TABLES: Final = {
    "series": ("id", "hash", "name", "labels"),
    "coverage": ("start_ms", "end_ms"),
    "tail": ("kind", "data"),
    "pages": ("kind", "cut", "first_series", "last_series", "start_ms", "end_ms", "data"),
    "chunks": ("series", "kind", "start_ms", "end_ms", "count", "data"),
    "quarantine": ("at_ms", "source", "key", "reason", "data"),
}
_READ_AT_START: Final = (
    "SELECT max(id) FROM series",
    "SELECT sum(length(data)) FROM tail",
    "SELECT sum(length(data)) FROM pages",
    "SELECT max(end_ms) FROM chunks",
    "SELECT count(*) FROM coverage",
)
_log: Final = logging.getLogger(__name__)

Put = Callable[[str, Sequence[tuple[Any, ...]]], None]
"""Writes rows by a statement, in a transaction of its own."""


def prepare(path: Path, damage: DamageLog, now: float) -> None:
    """Leave a file at `path` that can be opened, and whose start can be read.

    Args:
        path: of the file; a new one is made if there is none.
        damage: is told of what is lost.
        now: Unix seconds.

    Raises:
        HistoryError: it can't be opened for another reason: no space, no permission.
    """
    trouble = hidden_writes(path) or _trouble(path)
    if trouble is not None:
        mend(path, damage, trouble, now)


def mend(path: Path, damage: DamageLog, error: BaseException, now: float) -> Path:
    """Set a damaged file aside and make a new one of what can be read of it; returns the new path of the old one.

    Args:
        path: of the file, which nobody has open.
        damage: is told of what is lost.
        error: what showed that it is damaged.
        now: Unix seconds.

    Raises:
        HistoryError: the folder may not be written.
    """
    aside = leave(path, damage, error, now)
    reseal(aside)
    connection = open_writer(path)
    try:
        take_over(aside, damage, lambda statement, rows: _put_rows(connection, statement, rows))
    finally:
        connection.close()
    return aside


def leave(path: Path, damage: DamageLog, error: BaseException, now: float) -> Path:
    """Set a damaged file aside, with a line in the log that says where it is; returns its new path.

    Args:
        path: of the file.
        damage: is told of it.
        error: what showed that it is damaged.
        now: Unix seconds.

    Raises:
        HistoryError: the folder may not be written.
    """
    try:
        aside = set_aside(path, now)
    except OSError as fault:
        raise HistoryError(
            f"History file {path} is damaged ({error}) and can't be moved aside: {fault}.",
            "Move it away by hand, and let the evaluator write to its data_dir.",
        ) from fault
    damage.note(path.name, error)
    _log.error("history: %s is damaged (%s): it is kept as %s, and a new one begins.", path, error, aside)
    return aside


def take_over(aside: Path, damage: DamageLog, put: Put) -> int:
    """Copy what can be read of a file that was set aside; returns how many rows that were.

    Args:
        aside: the file.
        damage: is told of what is lost.
        put: writes into the new file.
    """
    if not aside.is_file():
        return 0
    copied = 0
    ends_at = time.monotonic() + _LONGEST_TAKE_OVER_S
    connection = open_reader(aside)
    try:
        for table, columns in _TABLES.items():
            marks = ", ".join("?" * len(columns))
            statement = f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - ours
            for rows in salvage(connection, table, columns):
                if isinstance(rows, Lost):
                    damage.note(f"{table}, rows {rows.first} to {rows.last} of {aside.name}", rows.error)
                    continue
                whole = [row for row in rows if None not in row and not _is_spoilt(table, row, damage)]
                put(statement, whole)
                copied += len(whole)
                if time.monotonic() > ends_at:
                    damage.note(f"the rest of {table} in {aside.name}", "taking it over takes too long")
                    break
    finally:
        connection.close()
    _log.warning("history: %d rows of %s were taken over.", copied, aside)
    return copied


def _is_spoilt(table: str, row: tuple[Any, ...], damage: DamageLog) -> bool:
    """Whether a series has lost its name; what else is damaged is found when it is read."""
    if table != "series":
        return False
    number, expected_hash, _, text = row
    try:
        labels_of_text(text, expected_hash)
    except DamagedError as error:
        damage.note(f"series entry {number}", error)
        return True
    return False


def _trouble(path: Path) -> BaseException | None:
    """What shows that a file is damaged; None if nothing does."""
    try:
        connection = open_writer(path)
    except HistoryError as error:
        if not error.is_damage:
            raise
        return error.__cause__ or error
    try:
        return _fault(connection, path)
    finally:
        connection.close()


def _fault(connection: sqlite3.Connection, path: Path) -> BaseException | None:
    """What is wrong with the file, as far as can be seen within a second; None if nothing is."""
    try:
        if path.stat().st_size <= _CHECKED_WHOLE_BYTES:
            for (text,) in connection.execute("PRAGMA integrity_check(1)"):
                if text != "ok":
                    return sqlite3.DatabaseError(text)
        for statement in _READ_AT_START:
            connection.execute(statement).fetchone()
    except FAULTS as error:
        if is_damage(error, path):
            return error
        raise HistoryError(f"History file {path} cannot be read: {error}.") from error
    return None


def _put_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows by a statement, in a transaction of their own."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(statement, rows)
    connection.execute("COMMIT")
