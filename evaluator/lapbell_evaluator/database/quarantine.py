"""Rows that cannot be read are moved into a table of their own, and those beside them are used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, insert

from lapbell_evaluator.damage import DamageLog
from lapbell_evaluator.database import tables

__all__ = ["DamagedRow", "move", "readable"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DamagedRow:
    """A row whose payload cannot be read.

    Attributes:
        table: `alerts`, `incidents` or `silences`.
        key: the columns of its primary key with their values.
        reason: what is wrong with it.
        payload: as it is, if it is bytes at all.
    """

    table: str
    key: tuple[tuple[str, str], ...]
    reason: str
    payload: object

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.table} {'/'.join(value for _, value in self.key)}"


def readable(decode: Callable[[bytes], T], payload: bytes, name: str, damage: DamageLog) -> T | None:
    """What a payload holds; None if it cannot be read, which is told once.

    Args:
        decode: one of `payloads`.
        payload: the bytes.
        name: of the row.
        damage: is told.
    """
    try:
        return decode(payload)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        damage.note(name, error)
        return None


def move(connection: Connection, rows: Sequence[DamagedRow], now: float) -> None:
    """Move rows into the quarantine.

    Args:
        connection: in a transaction that may write.
        rows: the rows.
        now: Unix seconds.
    """
    for row in rows:
        table = tables.metadata.tables[row.table]
        kept = {
            "at": now,
            "source": row.table,
            "row_key": "/".join(value for _, value in row.key),
            "reason": row.reason,
            "payload": row.payload if isinstance(row.payload, bytes) else repr(row.payload).encode(),
        }
        connection.execute(insert(tables.quarantine).values(kept))
        is_row: list[ColumnElement[bool]] = [table.c[column] == value for column, value in row.key]
        connection.execute(delete(table).where(and_(*is_row)))
