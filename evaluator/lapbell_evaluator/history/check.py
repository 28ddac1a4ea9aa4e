"""`lapbell history info` and `lapbell history check`: what the file holds, and whether it can be read."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lapbell_evaluator.history.errors import DamagedError, HistoryError
from lapbell_evaluator.history.histograms import unpack_histograms
from lapbell_evaluator.history.packing import unpack_chunk, unpack_page, unpack_tail
from lapbell_evaluator.history.schema import FLOATS, open_reader, open_writer, used_bytes

__all__ = ["CheckReport", "HistoryInfo", "check", "info"]

_MS_PER_S: Final = 1000


_Unpack = Callable[[bytes], object]


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
        read: chunks, pages and tail entries that are whole.
        damaged: one line for each that is not.
        structure: what SQLite says about its file; empty if it is sound.
        removed: how many damaged ones were deleted.
    """

    read: int
    damaged: tuple[str, ...]
    structure: tuple[str, ...]
    removed: int

    @property
    def is_sound(self) -> bool:
        """Nothing is damaged now."""
        return len(self.damaged) == self.removed and not self.structure


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


def check(path: Path, *, repair: bool = False) -> CheckReport:
    """Read everything; with `repair`, delete what cannot be read, so that the rest is left alone by it.

    To be run while no evaluator has the file.

    Raises:
        HistoryError: there is none at `path`, or it cannot be read at all.
    """
    connection = _existing(path)
    try:
        structure = tuple(text for (text,) in connection.execute("PRAGMA integrity_check") if text != "ok")
        read, damaged = _read_all(connection)
    except sqlite3.Error as error:
        raise HistoryError(f"History file {path} cannot be read: {error}.", "Restore it from a backup.") from error
    finally:
        connection.close()
    removed = _remove(path, damaged) if repair and damaged else 0
    return CheckReport(read, tuple(entry.text for entry in damaged), structure, removed)


@dataclass(frozen=True, slots=True)
class _Damaged:
    text: str
    statement: str
    key: tuple[int]


def _existing(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise HistoryError(f"There is no history at {path}.", "Name the folder by `data_dir`.")
    return open_reader(path)


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - names of our own tables
    return int(count)


def _read_all(connection: sqlite3.Connection) -> tuple[int, list[_Damaged]]:
    read = 0
    damaged: list[_Damaged] = []
    for text, statement, key, unpack, data in _entries(connection):
        try:
            unpack(data)
            read += 1
        except DamagedError as error:
            damaged.append(_Damaged(f"{text}: {error}", statement, key))
    return read, damaged


def _entries(
    connection: sqlite3.Connection,
) -> Iterator[tuple[str, str, tuple[int], _Unpack, bytes]]:
    """What each entry is, how it is deleted, how it is read, and its bytes."""
    chunks = connection.execute("SELECT id, series, kind, start_ms, data FROM chunks")
    for number, series, kind, start, data in chunks:
        unpack: _Unpack = unpack_chunk if kind == FLOATS else unpack_histograms
        yield f"chunk of series {series} from {start} ms", "DELETE FROM chunks WHERE id = ?", (number,), unpack, data
    for number, kind, data in connection.execute("SELECT id, kind, data FROM pages"):
        unpack = unpack_page if kind == FLOATS else unpack_histograms
        yield f"page {number}", "DELETE FROM pages WHERE id = ?", (number,), unpack, data
    for number, kind, data in connection.execute("SELECT seq, kind, data FROM tail"):
        unpack = unpack_tail if kind == FLOATS else unpack_histograms
        yield f"tail entry {number}", "DELETE FROM tail WHERE seq = ?", (number,), unpack, data


def _remove(path: Path, damaged: list[_Damaged]) -> int:
    connection = open_writer(path)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for entry in damaged:
            connection.execute(entry.statement, entry.key)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return len(damaged)
