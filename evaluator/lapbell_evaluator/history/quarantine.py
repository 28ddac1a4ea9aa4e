"""Damaged entries are moved out of the tables that are read, and kept."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Damaged", "quarantine"]

_KEYS: Final = {"tail": "seq", "pages": "id", "chunks": "id", "series": "id"}
_PAYLOADS: Final = {"tail": "data", "pages": "data", "chunks": "data", "series": "labels"}


@dataclass(frozen=True, slots=True)
class Damaged:
    """An entry that cannot be read.

    Attributes:
        table: `tail`, `pages`, `chunks` or `series`.
        id: its number there.
        error: what is wrong with it.
    """

    table: str
    id: int
    error: str

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.table} entry {self.id}"


def quarantine(connection: sqlite3.Connection, entries: Sequence[Damaged], now_ms: int) -> None:
    """Move entries into `quarantine`, their bytes as they are.

    Args:
        connection: the writer's, in a transaction.
        entries: what was found damaged; what is no longer there is left alone.
        now_ms: Unix milliseconds.
    """
    for entry in entries:
        key, payload = _KEYS[entry.table], _PAYLOADS[entry.table]
        connection.execute(
            f"INSERT INTO quarantine (at_ms, source, key, reason, data)"  # noqa: S608 - names of our own tables
            f" SELECT ?, ?, {key}, ?, {payload} FROM {entry.table} WHERE {key} = ?",
            (now_ms, entry.table, entry.error, entry.id),
        )
        connection.execute(f"DELETE FROM {entry.table} WHERE {key} = ?", (entry.id,))  # noqa: S608 - as above
