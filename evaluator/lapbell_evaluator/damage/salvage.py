"""What can still be read of a table of a damaged database."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from lapbell_evaluator.damage.sqlite import FAULTS

__all__ = ["Lost", "salvage"]

Row = tuple[Any, ...]

_ROWS: Final = 200
_PROBED: Final = 64
_FARTHEST: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class Lost:
    """Rows that cannot be read.

    Attributes:
        table: theirs.
        first: the first rowid that may be among them.
        last: the last one.
        error: what SQLite said.
    """

    table: str
    first: int
    last: int
    error: str


def salvage(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[list[Row] | Lost]:
    """The rows of a table in the order of their rowids, and the gaps between them; nothing of what is no database.

    Where SQLite fails, the next 64 rowids are asked for one by one, and farther and farther steps are made until rows
    can be read again: a page that is lost costs the rows in it, and a few hundred questions at most.

    Args:
        connection: to the damaged database.
        table: its name, one of ours.
        columns: their names, ours as well; rows have their values in this order.
    """
    gap: Lost | None = None
    for rows in _parts(connection, table, columns):
        if isinstance(rows, Lost):
            gap = rows if gap is None else replace(gap, last=rows.last)
            continue
        if gap is not None:
            yield gap
            gap = None
        yield rows
    if gap is not None:
        yield gap


def _parts(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[list[Row] | Lost]:
    connection.execute("PRAGMA writable_schema = ON")  # a file that is shorter than it says is read as far as it goes
    names = ", ".join(columns)
    query = f"SELECT rowid, {names} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {_ROWS}"  # noqa: S608 - our names
    last, step = -1, _PROBED
    while last < _FARTHEST:
        try:
            rows = connection.execute(query, (last,)).fetchall()
        except FAULTS as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
                return
            if step == _PROBED:
                yield from _singles(connection, table, names, last + 1, str(error))
            else:
                yield Lost(table, last + 1, last + step, str(error))
            last += step
            step *= 2
            continue
        if not rows:
            return
        step = _PROBED
        last = rows[-1][0]
        yield [row[1:] for row in rows]


def _singles(
    connection: sqlite3.Connection, table: str, names: str, first: int, error: str
) -> Iterator[list[Row] | Lost]:
    query = f"SELECT {names} FROM {table} WHERE rowid = ?"  # noqa: S608 - our names
    for rowid in range(first, first + _PROBED):
        try:
            row = connection.execute(query, (rowid,)).fetchone()
        except FAULTS:
            yield Lost(table, rowid, rowid, error)
        else:
            if row is not None:
                yield [row]
