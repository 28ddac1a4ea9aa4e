"""Rows that are written or deleted many at once.

A statement for many rows, not one for each: for every statement SQLite lets go of the interpreter and has to wait for
it again, five milliseconds each time that another thread is busy, and commits that senders wait for come after it.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

__all__ = ["SeriesRow", "delete_rows", "insert_rows", "insert_series"]

SeriesRow = tuple[int, int, str, bytes]
"""Number, hash, name and labels of a row of `series`."""

_Value = int | str | bytes
_ROWS_AT_ONCE: Final = 500  # of eight values at most, of the 32,766 that SQLite takes


def insert_series(connection: sqlite3.Connection, rows: Sequence[SeriesRow]) -> None:
    """Write series; who stands there already stays."""
    insert_rows(connection, "INSERT OR IGNORE INTO series (id, hash, name, labels)", rows)


def insert_rows(connection: sqlite3.Connection, insert: str, rows: Sequence[tuple[_Value, ...]]) -> None:
    """Write rows of equal length by a statement that ends before its `VALUES`."""
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[begin : begin + _ROWS_AT_ONCE]
        marks = f"({', '.join('?' * len(some[0]))})"
        values = [value for row in some for value in row]
        connection.execute(f"{insert} VALUES {', '.join([marks] * len(some))}", values)


def delete_rows(connection: sqlite3.Connection, table: str, numbers: Sequence[int]) -> None:
    """Delete the rows of one of our own tables that have these ids."""
    statement = f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608 - a name of our own
    connection.execute(statement, (json.dumps(list(numbers)),))
