"""The rounds of history: the tail becomes pages, pages become chunks, what is too old goes.

Each round reads with a connection of its own and hands short transactions to the writer, so that commits of senders
never wait long. A round that is killed half-way leaves rows twice; reading drops the copies.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np

from lapbell_evaluator.history.columns import Columns, concatenated, no_columns, ordered
from lapbell_evaluator.history.errors import DamagedError
from lapbell_evaluator.history.histograms import HistogramRow, pack_histograms, unpack_histograms
from lapbell_evaluator.history.packing import pack_chunk, unpack_page, unpack_tail
from lapbell_evaluator.history.pages import INSERT_PAGE, PAGE_ROWS, float_pages, histogram_pages
from lapbell_evaluator.history.quarantine import quarantine
from lapbell_evaluator.history.reader import Reader
from lapbell_evaluator.history.rows import delete_rows, insert_rows
from lapbell_evaluator.history.schema import FLOATS, HISTOGRAMS, used_bytes
from lapbell_evaluator.history.writer import Writer

__all__ = ["CHUNK_MS", "compact", "cut", "delete_series", "expire", "put_aside"]

CHUNK_MS: Final = 2 * 3600 * 1000
_ROWS_AT_ONCE: Final = 4_000_000
_CHUNKS_PER_COMMIT: Final = 500
_DELETES_PER_COMMIT: Final = 5_000

_T = TypeVar("_T")
_ChunkRow = tuple[int, int, int, int, int, bytes]

_INSERT_CHUNK: Final = "INSERT OR IGNORE INTO chunks (series, kind, start_ms, end_ms, count, data)"


def cut(reader: Reader, writer: Writer, now_ms: int, rows_at_once: int) -> int:
    """Lay what is in the tail into pages ordered by series; returns how many rows these were.

    Args:
        reader: of the file.
        writer: of the file.
        now_ms: when the pages are cut.
        rows_at_once: how many rows are in memory for it, about.
    """
    (last,) = reader.connection.execute("SELECT coalesce(max(seq), 0) FROM tail").fetchone()
    count, laid = 0, -1
    while laid < last:
        columns, histograms, laid = _tail(reader, last, rows_at_once)
        rows = ordered(concatenated(columns))
        pages = [*float_pages(rows, now_ms), *histogram_pages(histograms, now_ms)]
        for some in _in_groups(pages, 64):
            writer.run(partial(insert_rows, insert=INSERT_PAGE, rows=some)).result()
        put_aside(reader, writer, now_ms)
        writer.run(partial(_delete_tail, until=laid)).result()
        count += len(rows) + len(histograms)
    return count


def _tail(reader: Reader, last: int, rows_at_once: int) -> tuple[list[Columns], list[HistogramRow], int]:
    """The oldest rows of the tail, and the number of their last entry: `last` if these are all up to it."""
    columns: list[Columns] = []
    histograms: list[HistogramRow] = []
    count = 0
    query = "SELECT seq, kind, data FROM tail WHERE seq <= ? ORDER BY seq"
    with closing(reader.connection.execute(query, (last,))) as entries:
        for seq, kind, data in entries:
            try:
                if kind == FLOATS:
                    columns.append(unpack_tail(data))
                    count += len(columns[-1])
                else:
                    some = unpack_histograms(data)
                    histograms += some
                    count += len(some)
            except DamagedError as error:
                reader.note("tail", seq, error)
            if count >= rows_at_once:
                return columns, histograms, seq
    return columns, histograms, last


def _delete_tail(connection: sqlite3.Connection, until: int) -> None:
    connection.execute("DELETE FROM tail WHERE seq <= ?", (until,))


def put_aside(reader: Reader, writer: Writer, now_ms: int) -> None:
    """Move damaged entries that were found into the quarantine."""
    found = reader.found()
    if found:
        writer.run(lambda connection: quarantine(connection, found, now_ms)).result()


def compact(reader: Reader, writer: Writer, until_ms: int) -> int:
    """Turn the pages that were cut up to `until_ms` into chunks; returns how many chunks."""
    query = "SELECT coalesce(max(id), 0) FROM pages WHERE cut <= ?"
    (last,) = reader.connection.execute(query, (until_ms,)).fetchone()
    chunk_count = 0
    for first, end in _series_ranges(reader, last):
        for some in _in_groups(_chunks_of(reader, last, first, end), _CHUNKS_PER_COMMIT):
            writer.run(partial(insert_rows, insert=_INSERT_CHUNK, rows=some)).result()
            chunk_count += len(some)
    put_aside(reader, writer, until_ms)
    writer.run(lambda connection: connection.execute("DELETE FROM pages WHERE id <= ?", (last,))).result()
    return chunk_count


def expire(writer: Writer, horizon_ms: int, most_bytes: int) -> int:
    """Delete chunks that ended before `horizon_ms`, and the oldest beyond `most_bytes`; returns how many."""
    deleted = 0
    while True:
        count = writer.run(lambda connection: _delete_oldest(connection, horizon_ms)).result()
        deleted += count
        if count < _DELETES_PER_COMMIT:
            break
    while writer.run(used_bytes).result() > most_bytes:
        count = writer.run(lambda connection: _delete_oldest(connection, None)).result()
        deleted += count
        if not count:
            break
    if deleted:
        writer.run(_give_back).result()
    return deleted


def delete_series(writer: Writer, numbers: list[int]) -> None:
    """Delete the rows of series that nothing refers to."""
    for some in _in_groups(numbers, _DELETES_PER_COMMIT):
        writer.run(partial(delete_rows, table="series", numbers=some)).result()


def _series_ranges(reader: Reader, last: int) -> list[tuple[int, int]]:
    """Ranges of series, first and end, of which each holds about as many rows as fit into memory at once."""
    bounds = reader.connection.execute(
        "SELECT first_series, last_series FROM pages WHERE id <= ? ORDER BY first_series", (last,)
    ).fetchall()
    if not bounds:
        return []
    pages_at_once = max(1, _ROWS_AT_ONCE // PAGE_ROWS)
    bounds = [(first, end) for first, end in bounds if isinstance(first, int) and isinstance(end, int)]
    firsts = [first for first, _ in bounds[::pages_at_once]]
    end = max((last_series for _, last_series in bounds), default=0) + 1
    cuts = sorted({*firsts, end})
    return list(pairwise(cuts))


def _chunks_of(reader: Reader, last: int, first: int, end: int) -> Iterator[_ChunkRow]:
    """Chunks of the series from `first` to before `end`."""
    entries = reader.connection.execute(
        "SELECT id, kind, data FROM pages WHERE id <= ? AND first_series < ? AND last_series >= ? ORDER BY id",
        (last, end, first),
    )
    columns = [no_columns()]
    histograms: list[HistogramRow] = []
    for number, kind, data in entries:
        try:
            if kind == FLOATS:
                page = unpack_page(data)
                columns.append(page.where((page.series >= first) & (page.series < end)))
            else:
                histograms += [row for row in unpack_histograms(data) if first <= row.series < end]
        except DamagedError as error:
            reader.note("pages", number, error)
    yield from _float_chunks(ordered(concatenated(columns)))
    yield from _histogram_chunks(histograms)


def _float_chunks(rows: Columns) -> Iterator[_ChunkRow]:
    if not len(rows):
        return
    windows = rows.times_ms // CHUNK_MS
    changes = np.flatnonzero((rows.series[1:] != rows.series[:-1]) | (windows[1:] != windows[:-1])) + 1
    bounds = [0, *changes.tolist(), len(rows)]
    for begin, end in pairwise(bounds):
        times, values = rows.times_ms[begin:end], rows.values[begin:end]
        yield (
            int(rows.series[begin]),
            FLOATS,
            int(times[0]),
            int(times[-1]),
            end - begin,
            pack_chunk(times, values),
        )


def _histogram_chunks(rows: list[HistogramRow]) -> Iterator[_ChunkRow]:
    groups: dict[tuple[int, int], dict[int, HistogramRow]] = {}
    for row in rows:
        groups.setdefault((row.series, row.time_ms // CHUNK_MS), {})[row.time_ms] = row
    for (series, _), by_time in sorted(groups.items()):
        times = sorted(by_time)
        data = pack_histograms([by_time[time] for time in times])
        yield series, HISTOGRAMS, times[0], times[-1], len(times), data


def _delete_oldest(connection: sqlite3.Connection, horizon_ms: int | None) -> int:
    """Delete some chunks: those before the horizon, or simply the oldest."""
    bounds = (horizon_ms if horizon_ms is not None else 1 << 62, _DELETES_PER_COMMIT)
    query = "DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE end_ms < ? ORDER BY end_ms LIMIT ?)"
    return connection.execute(query, bounds).rowcount


def _give_back(connection: sqlite3.Connection) -> None:
    """Give some of the space of what was deleted back to the disk."""
    connection.execute("PRAGMA incremental_vacuum(2000)").fetchall()


def _in_groups(rows: Iterator[_T] | Sequence[_T], size: int) -> Iterator[list[_T]]:
    group: list[_T] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
