"""`lapbell history info` and `lapbell history check`: what the file holds, and whether it can be read."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lapbell_evaluator.damage import FAULTS, DamageLog, Lost, hidden_writes, salvage
from lapbell_evaluator.history.errors import DamagedError, HistoryError
from lapbell_evaluator.history.histograms import unpack_histograms
from lapbell_evaluator.history.names import labels_of_text
from lapbell_evaluator.history.opening import mend
from lapbell_evaluator.history.packing import unpack_chunk, unpack_page, unpack_tail
from lapbell_evaluator.history.quarantine import Damaged, quarantine
from lapbell_evaluator.history.schema import FLOATS, open_reader, open_writer, used_bytes
from lapbell_evaluator.model import Clock, SystemClock

__all__ = ["CheckReport", "HistoryInfo", "check", "info"]

_MS_PER_S: Final = 1000
_SHOWN_CHARACTERS: Final = 500
_ENTRIES: Final = {
    "series": ("id", "hash", "labels"),
    "chunks": ("id", "kind", "data"),
    "pages": ("id", "kind", "data"),
    "tail": ("seq", "kind", "data"),
}
_UNPACK: Final[dict[str, Callable[[bytes], object]]] = {
    "chunks": unpack_chunk,
    "pages": unpack_page,
    "tail": unpack_tail,
}


@dataclass(frozen=True, slots=True)
class HistoryInfo:
    """What the file holds.

    Attributes:
        bytes: of the file and its log.
        used_bytes: of the file without pages that wait to be used again.
        series: that were ever seen and are still named.
        chunks: up to two hours of one series each.
        samples: in chunks.
        chunk_bytes: of them.
        pages: a few minutes of many series each, waiting to become chunks.
        tail_entries: commits since the last cut.
        coverage: when somebody listened, Unix seconds.
    """

    bytes: int
    used_bytes: int
    series: int
    chunks: int
    samples: int
    chunk_bytes: int
    pages: int
    tail_entries: int
    coverage: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Attributes:
        read: chunks, pages, tail entries and names of series that are whole.
        damaged: one line for each that is not, and for each stretch of the file that cannot be read.
        structure: what SQLite says about its file; empty if it is sound.
        quarantined: entries that were set aside within the file, by this check or before.
        removed: how many damaged ones this check has set aside.
        aside: where the damaged file itself is now, if a new one took its place.
    """

    read: int
    damaged: tuple[str, ...]
    structure: tuple[str, ...]
    quarantined: int
    removed: int
    aside: Path | None = None

    @property
    def is_sound(self) -> bool:
        """Nothing is damaged now."""
        return self.aside is not None or (len(self.damaged) == self.removed and not self.structure)


def info(path: Path) -> HistoryInfo:
    """Sizes and coverage of a history; may be asked while an evaluator runs.

    Raises:
        HistoryError: there is none at `path`, or it cannot be read.
    """
    connection = _existing(path)
    try:
        chunks, samples, chunk_bytes = connection.execute(
            "SELECT count(*), coalesce(sum(count), 0), coalesce(sum(length(data)), 0) FROM chunks"
        ).fetchone()
        coverage = connection.execute("SELECT start_ms, end_ms FROM coverage ORDER BY start_ms").fetchall()
        return HistoryInfo(
            bytes=sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists()),
            used_bytes=used_bytes(connection),
            series=_count(connection, "series"),
            chunks=chunks,
            samples=samples,
            chunk_bytes=chunk_bytes,
            pages=_count(connection, "pages"),
            tail_entries=_count(connection, "tail"),
            coverage=tuple((start / _MS_PER_S, end / _MS_PER_S) for start, end in coverage),
        )
    except sqlite3.Error as error:
        raise HistoryError(f"History file {path} cannot be read: {error}.", "Run `lapbell history check`.") from error
    finally:
        connection.close()


def check(path: Path, *, repair: bool = False, clock: Clock | None = None) -> CheckReport:
    """Read everything; with `repair`, set aside what cannot be read, so that the rest is left alone by it.

    Damaged entries go into the quarantine of the file; a file that is damaged itself is moved aside whole, and what can
    be read of it goes into a new one. To be run while no evaluator has the file.

    Args:
        path: of the file.
        repair: whether to change anything.
        clock: the time; the machine's if None.

    Raises:
        HistoryError: there is none at `path`.
    """
    clock = clock or SystemClock()
    hidden = hidden_writes(path)
    if hidden is not None:  # whoever opens the file empties its log
        if not repair:
            return CheckReport(0, (), (str(hidden),), 0, 0)
        aside = mend(path, DamageLog("history", clock), hidden, clock.now())
        return replace(check(path, clock=clock), structure=(str(hidden),), aside=aside)
    connection = _existing(path)
    try:
        structure = _structure(connection)
        read, damaged, lost = _read_all(connection)
        quarantined = _quarantined(connection)
    finally:
        connection.close()
    lines = (*(f"{entry.name}: {entry.error}" for entry in damaged), *lost)
    if repair and (structure or lost):
        error = sqlite3.DatabaseError("; ".join((*structure, *lost))[:_SHOWN_CHARACTERS])
        aside = mend(path, DamageLog("history", clock), error, clock.now())
        return CheckReport(read, lines, structure, quarantined, 0, aside)
    removed = _quarantine(path, damaged, clock.now()) if repair and damaged else 0
    return CheckReport(read, lines, structure, quarantined + removed, removed)


def _existing(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise HistoryError(f"There is no history at {path}.", "Name the folder by `data_dir`.")
    if path.is_dir():
        raise HistoryError(f"{path} is a folder.", "The evaluator moves it aside when it starts.")
    return open_reader(path)


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - names of our own tables
    return int(count)


def _structure(connection: sqlite3.Connection) -> tuple[str, ...]:
    try:
        return tuple(text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok")
    except FAULTS as error:
        return (str(error),)


def _quarantined(connection: sqlite3.Connection) -> int:
    """None where an older lapbell made the file, or where it cannot be read."""
    with suppress(*FAULTS):
        return _count(connection, "quarantine")
    return 0


def _read_all(connection: sqlite3.Connection) -> tuple[int, list[Damaged], list[str]]:
    """How many entries are whole, which are not, and what cannot be reached at all."""
    read = 0
    damaged: list[Damaged] = []
    lost: list[str] = []
    for table, columns in _ENTRIES.items():
        for rows in salvage(connection, table, columns):
            if isinstance(rows, Lost):
                lost.append(f"{table}, rows {rows.first} to {rows.last}: {rows.error}")
                continue
            for number, kind, data in rows:
                try:
                    _unpack(table, kind, data)
                    read += 1
                except DamagedError as error:
                    damaged.append(Damaged(table, number, str(error)))
    return read, damaged, lost


def _unpack(table: str, kind: int, data: bytes) -> None:
    """Read an entry; raises DamagedError. Of a series, `kind` is the hash of its labels."""
    if table == "series":
        labels_of_text(data, kind)
    elif kind == FLOATS:
        _UNPACK[table](data)
    else:
        unpack_histograms(data)


def _quarantine(path: Path, damaged: list[Damaged], now: float) -> int:
    connection = open_writer(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        quarantine(connection, damaged, int(now * _MS_PER_S))
        connection.execute("COMMIT")
    finally:
        connection.close()
    return len(damaged)
