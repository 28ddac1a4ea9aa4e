"""What history holds of some series in some time."""

import json
import logging
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lapbell_evaluator.history.columns import Columns, concatenated, ordered
from lapbell_evaluator.history.errors import DamagedError, HistoryError
from lapbell_evaluator.history.histograms import HistogramRow, unpack_histograms
from lapbell_evaluator.history.names import labels_of_text
from lapbell_evaluator.history.packing import unpack_chunk, unpack_page, unpack_tail
from lapbell_evaluator.history.schema import FLOATS, HISTOGRAMS, open_reader
from lapbell_evaluator.model import METRIC_NAME, Labels
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["Reader", "Rows"]

_SERIES_PER_QUERY: Final = 500
_MOST_SAMPLES: Final = 30_000_000
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows read from disk.

    Attributes:
        columns: floats, by series and time.
        histograms: native histograms, by series and time.
    """

    columns: Columns
    histograms: tuple[HistogramRow, ...]


class Reader:
    """Reads beside the writer; each thread by a connection of its own.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self.damaged = 0

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this thread."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_reader(self._path)
            with self._lock:
                self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def matching(self, matchers: Sequence[Matcher]) -> dict[int, Labels]:
        """Series that match, by number, whenever they lived."""
        named = next((m.value for m in matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL), None)
        if named is None:
            rows = self.connection.execute("SELECT id, labels FROM series")
        else:
            rows = self.connection.execute("SELECT id, labels FROM series WHERE name = ?", (named,))
        predicates = [(matcher.name, matcher.predicate()) for matcher in matchers]
        series: dict[int, Labels] = {}
        for number, text in rows:
            labels = dict(json.loads(text))
            if all(matches(labels.get(name, "")) for name, matches in predicates):
                series[number] = labels_of_text(text)
        return series

    def labels_of(self, numbers: Iterable[int]) -> dict[int, Labels]:
        """The labels of these series."""
        wanted = list(numbers)
        series: dict[int, Labels] = {}
        for begin in range(0, len(wanted), _SERIES_PER_QUERY):
            some = wanted[begin : begin + _SERIES_PER_QUERY]
            marks = ",".join("?" * len(some))
            rows = self.connection.execute(f"SELECT id, labels FROM series WHERE id IN ({marks})", some)  # noqa: S608 - only question marks are put in
            series |= {number: labels_of_text(text) for number, text in rows}
        return series

    def read(self, numbers: Sequence[int], start_ms: int, end_ms: int) -> Rows:
        """Everything in chunks and pages of some series between two times, both included."""
        columns: list[Columns] = []
        histograms: list[HistogramRow] = []
        with self._snapshot():
            for number in numbers:
                self._read_chunks(number, start_ms, end_ms, columns, histograms)
            self._read_pages(np.array(sorted(numbers), np.int64), start_ms, end_ms, columns, histograms)
        rows = ordered(concatenated(columns))
        inside = (rows.times_ms >= start_ms) & (rows.times_ms <= end_ms)
        by_key = {(row.series, row.time_ms): row for row in histograms if start_ms <= row.time_ms <= end_ms}
        return Rows(rows.where(inside), tuple(by_key[key] for key in sorted(by_key)))

    def present(self, numbers: Sequence[int], start_ms: int, end_ms: int) -> set[int]:
        """Those of the series that have anything in chunks or pages between two times."""
        query = "SELECT 1 FROM chunks WHERE series = ? AND start_ms <= ? AND end_ms >= ? LIMIT 1"
        present: set[int] = set()
        for number in numbers:
            if self.connection.execute(query, (number, end_ms, start_ms)).fetchone() is not None:
                present.add(number)
        rest = [number for number in numbers if number not in present]
        columns: list[Columns] = []
        histograms: list[HistogramRow] = []
        with self._snapshot():
            self._read_pages(np.array(sorted(rest), np.int64), start_ms, end_ms, columns, histograms)
        for rows in columns:
            inside = (rows.times_ms >= start_ms) & (rows.times_ms <= end_ms)
            present.update(np.unique(rows.series[inside]).tolist())
        return present | {row.series for row in histograms if start_ms <= row.time_ms <= end_ms}

    def recent(self, start_ms: int) -> Rows:
        """Everything since a time, of all series, the tail included."""
        columns: list[Columns] = []
        histograms: list[HistogramRow] = []
        chunks = "SELECT series, kind, data FROM chunks WHERE end_ms >= ? ORDER BY start_ms"
        for number, kind, data in self.connection.execute(chunks, (start_ms,)):
            self._unpack_chunk(number, kind, data, columns, histograms)
        pages = "SELECT kind, data FROM pages WHERE end_ms >= ? ORDER BY id"
        for kind, data in self.connection.execute(pages, (start_ms,)):
            self._unpack(kind, data, columns, histograms, is_page=True)
        for kind, data in self.connection.execute("SELECT kind, data FROM tail ORDER BY seq"):
            self._unpack(kind, data, columns, histograms, is_page=False)
        rows = ordered(concatenated(columns))
        by_key = {(row.series, row.time_ms): row for row in histograms if row.time_ms >= start_ms}
        return Rows(rows.where(rows.times_ms >= start_ms), tuple(by_key[key] for key in sorted(by_key)))

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """What housekeeping moves meanwhile is neither missed nor seen twice."""
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            self.connection.execute("COMMIT")

    def coverage(self) -> tuple[tuple[int, int], ...]:
        """When somebody listened: Unix milliseconds, first and last, in order."""
        rows = self.connection.execute("SELECT start_ms, end_ms FROM coverage ORDER BY start_ms").fetchall()
        return tuple((start, end) for start, end in rows)

    def _read_chunks(
        self, number: int, start_ms: int, end_ms: int, columns: list[Columns], histograms: list[HistogramRow]
    ) -> None:
        if sum(map(len, columns)) > _MOST_SAMPLES:
            raise HistoryError(
                f"The question needs more than {_MOST_SAMPLES} samples.", "Ask for a shorter time or for fewer series."
            )
        for kind in (FLOATS, HISTOGRAMS):
            rows = self.connection.execute(
                "SELECT data FROM chunks WHERE series = ? AND kind = ? AND start_ms <= ? AND end_ms >= ?",
                (number, kind, end_ms, start_ms),
            )
            for (data,) in rows:
                self._unpack_chunk(number, kind, data, columns, histograms)

    def _read_pages(
        self,
        numbers: np.ndarray,
        start_ms: int,
        end_ms: int,
        columns: list[Columns],
        histograms: list[HistogramRow],
    ) -> None:
        if not len(numbers):
            return
        rows = self.connection.execute(
            "SELECT id, kind, first_series, last_series FROM pages"
            " WHERE first_series <= ? AND last_series >= ? AND start_ms <= ? AND end_ms >= ? ORDER BY id",
            (int(numbers[-1]), int(numbers[0]), end_ms, start_ms),
        ).fetchall()
        wanted = set(numbers.tolist())
        for page, kind, first, last in rows:
            at = int(np.searchsorted(numbers, first))
            if at == len(numbers) or numbers[at] > last:
                continue
            (data,) = self.connection.execute("SELECT data FROM pages WHERE id = ?", (page,)).fetchone()
            floats: list[Columns] = []
            of_page: list[HistogramRow] = []
            self._unpack(kind, data, floats, of_page, is_page=True)
            columns += [page_rows.where(np.isin(page_rows.series, numbers)) for page_rows in floats]
            histograms += [row for row in of_page if row.series in wanted]

    def _unpack_chunk(
        self, number: int, kind: int, data: bytes, columns: list[Columns], histograms: list[HistogramRow]
    ) -> None:
        try:
            if kind == FLOATS:
                times, values = unpack_chunk(data)
                columns.append(Columns(np.full(len(times), number), times, values))
            else:
                histograms += unpack_histograms(data)
        except DamagedError as error:
            self._note_damage(error)

    def _unpack(
        self, kind: int, data: bytes, columns: list[Columns], histograms: list[HistogramRow], *, is_page: bool
    ) -> None:
        try:
            if kind == FLOATS:
                columns.append(unpack_page(data) if is_page else unpack_tail(data))
            else:
                histograms += unpack_histograms(data)
        except DamagedError as error:
            self._note_damage(error)

    def _note_damage(self, error: DamagedError) -> None:
        """Count and log a damaged entry; the entries beside it are read all the same."""
        self.damaged += 1
        _log.error("history: %s The rest is read. Run `lapbell history check`.", error)
