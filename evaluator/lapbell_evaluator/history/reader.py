"""What history holds of some series in some time."""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from lapbell_evaluator.damage import FAULTS, DamageLog, is_damage
from lapbell_evaluator.history.columns import Columns, concatenated, ordered
from lapbell_evaluator.history.errors import DamagedError, HistoryError
from lapbell_evaluator.history.histograms import HistogramRow, unpack_histograms
from lapbell_evaluator.history.names import labels_of_text
from lapbell_evaluator.history.packing import unpack_chunk, unpack_page, unpack_tail
from lapbell_evaluator.history.quarantine import Damaged
from lapbell_evaluator.history.schema import FLOATS, HISTOGRAMS, open_reader
from lapbell_evaluator.history.use import Use
from lapbell_evaluator.model import METRIC_NAME, Labels
from lapbell_evaluator.series import Matcher, MatchOp, Spend

__all__ = ["Reader", "Rows"]

_SERIES_PER_QUERY: Final = 500
_MOST_SAMPLES: Final = 30_000_000
_COUNTED_AT_ONCE: Final = 64
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows read from disk.

    Attributes:
        columns: floats, by series and time.
        histograms: native histograms, by series and time.
    """

    columns: Columns
    histograms: tuple[HistogramRow, ...]


@dataclass(slots=True)
class _Count:
    """How many samples a question has read."""

    spend: Spend
    samples: int = 0

    def add(self, samples: int) -> None:
        self.samples += samples
        if self.samples > _MOST_SAMPLES:
            raise HistoryError(
                f"The question needs more than {_MOST_SAMPLES} samples.", "Ask for a shorter time or for fewer series."
            )
        self.spend(samples)


def _counted(items: Iterable[_Item], spend: Spend) -> Iterator[_Item]:
    """The items; `spend` is told of them, of a few at once."""
    at = 0
    for at, item in enumerate(items, 1):
        if at % _COUNTED_AT_ONCE == 0:
            spend(_COUNTED_AT_ONCE)
        yield item
    spend(at % _COUNTED_AT_ONCE)


class Reader:
    """Reads beside the writer; each thread by a connection of its own. What is damaged is left out, noted and told.

    Args:
        path: of the file.
        damage: is told of what cannot be read.
    """

    def __init__(self, path: Path, damage: DamageLog) -> None:
        self._path = path
        self._damage = damage
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []
        self._file = 0
        self._use = Use()
        self._found: list[Damaged] = []
        self._broken: BaseException | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this thread to the file as it is now."""
        file, connection = getattr(self._local, "opened", (-1, None))
        if connection is None or file != self._file:
            file = self._file
            connection = open_reader(self._path)
            self._local.opened = (file, connection)
            with self._lock:
                self._connections.append(connection)
        opened: sqlite3.Connection = connection
        return opened

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Nobody reads meanwhile, and no connection is open; afterwards another file may lie in the old one's place.

        Raises:
            HistoryError: somebody reads for too long.
        """
        with self._use.alone():
            self.close()
            yield
            self._file += 1
            self._broken = None
            self._found.clear()

    def mark_broken(self, error: BaseException) -> None:
        """The file itself is damaged, as `error` shows; any thread may say so."""
        self._broken = error
        self._damage.note(f"file {self._file}", error)

    @property
    def broken(self) -> BaseException | None:
        """What showed that the file itself is damaged; None if nothing did."""
        return self._broken

    def found(self) -> list[Damaged]:
        """The damaged entries that were found since this was last asked for."""
        with self._lock:
            found, self._found = self._found, []
        return found

    def note(self, table: str, number: int, error: object) -> None:
        """A damaged entry; the entries beside it are read all the same."""
        entry = Damaged(table, number, str(error))
        if self._damage.note(f"file {self._file}, {entry.name}", error):
            with self._lock:
                self._found.append(entry)

    @contextmanager
    def tolerant(self) -> Iterator[None]:
        """What is read until the file turns out to be damaged is what there is.

        Raises:
            sqlite3.Error: other trouble.
        """
        try:
            with self._use.shared():
                yield
        except FAULTS as error:
            if not is_damage(error, self._path):
                raise
            self.mark_broken(error)

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()

    def matching(self, matchers: Sequence[Matcher], spend: Spend) -> dict[int, Labels]:
        """Series that match, by number, whenever they lived; `spend` is told of each that is looked at."""
        named = next((m.value for m in matchers if m.name == METRIC_NAME and m.op is MatchOp.EQUAL), None)
        predicates = [(matcher.name, matcher.predicate()) for matcher in matchers]
        series: dict[int, Labels] = {}
        query = "SELECT id, hash, labels FROM series"
        rows = self._labels(query, ()) if named is None else self._labels(f"{query} WHERE name = ?", (named,))
        for number, labels in _counted(rows, spend):
            by_name = dict(labels)
            if all(matches(by_name.get(name, "")) for name, matches in predicates):
                series[number] = labels
        return series

    def labels_of(self, numbers: Iterable[int]) -> dict[int, Labels]:
        """The labels of these series, as far as they can be read."""
        wanted = list(numbers)
        series: dict[int, Labels] = {}
        for begin in range(0, len(wanted), _SERIES_PER_QUERY):
            some = wanted[begin : begin + _SERIES_PER_QUERY]
            marks = ",".join("?" * len(some))
            series |= dict(self._labels(f"SELECT id, hash, labels FROM series WHERE id IN ({marks})", some))  # noqa: S608 - only question marks are put in
        return series

    def _labels(self, query: str, values: Sequence[object]) -> Iterator[tuple[int, Labels]]:
        with self.tolerant():
            for number, expected_hash, text in self.connection.execute(query, values):
                try:
                    labels = labels_of_text(text, expected_hash)
                except DamagedError as error:
                    self.note("series", number, error)
                else:
                    yield number, labels

    def read(self, numbers: Sequence[int], start_ms: int, end_ms: int, spend: Spend) -> Rows:
        """Everything in chunks and pages of some series between two times, both included.

        Args:
            numbers: of the series.
            start_ms: Unix milliseconds.
            end_ms: Unix milliseconds.
            spend: is told of the samples of each series as its chunks are read, and of those in pages.

        Raises:
            HistoryError: it is more than can be held.
        """
        columns: list[Columns] = []
        histograms: list[HistogramRow] = []
        count = _Count(spend)
        with self.tolerant(), self._snapshot():
            for number in numbers:
                had, held = len(columns), len(histograms)
                self._read_chunks(number, start_ms, end_ms, columns, histograms)
                count.add(sum(map(len, columns[had:])) + len(histograms) - held)
            had, held = len(columns), len(histograms)
            self._read_pages(np.array(sorted(numbers), np.int64), start_ms, end_ms, columns, histograms)
            count.add(sum(map(len, columns[had:])) + len(histograms) - held)
        rows = ordered(concatenated(columns))
        inside = (rows.times_ms >= start_ms) & (rows.times_ms <= end_ms)
        by_key = {(row.series, row.time_ms): row for row in histograms if start_ms <= row.time_ms <= end_ms}
        return Rows(rows.where(inside), tuple(by_key[key] for key in sorted(by_key)))

    def present(self, numbers: Sequence[int], start_ms: int, end_ms: int, spend: Spend) -> set[int]:
        """Those of the series that have anything in chunks or pages between two times; `spend` is told of each."""
        query = "SELECT 1 FROM chunks WHERE series = ? AND start_ms <= ? AND end_ms >= ? LIMIT 1"
        present: set[int] = set()
        columns: list[Columns] = []
        histograms: list[HistogramRow] = []
        with self.tolerant():
            for number in _counted(numbers, spend):
                if self.connection.execute(query, (number, end_ms, start_ms)).fetchone() is not None:
                    present.add(number)
        rest = [number for number in numbers if number not in present]
        with self.tolerant(), self._snapshot():
            self._read_pages(np.array(sorted(rest), np.int64), start_ms, end_ms, columns, histograms)
        for rows in columns:
            inside = (rows.times_ms >= start_ms) & (rows.times_ms <= end_ms)
            present.update(np.unique(rows.series[inside]).tolist())
        return present | {row.series for row in histograms if start_ms <= row.time_ms <= end_ms}

    def recent(self, start_ms: int) -> Rows:
        """Everything since a time, of all series, the tail included."""
        columns: list[Columns] = []
        histograms: list[HistogramRow] = []
        chunks = "SELECT id, series, kind, data FROM chunks WHERE end_ms >= ? ORDER BY start_ms"
        pages = "SELECT id, kind, data FROM pages WHERE end_ms >= ? ORDER BY id"
        with self.tolerant():
            for entry, number, kind, data in self.connection.execute(chunks, (start_ms,)):
                self._unpack_chunk(entry, number, kind, data, columns, histograms)
        with self.tolerant():
            for entry, kind, data in self.connection.execute(pages, (start_ms,)):
                self._unpack("pages", entry, kind, data, columns, histograms)
        with self.tolerant():
            for entry, kind, data in self.connection.execute("SELECT seq, kind, data FROM tail ORDER BY seq"):
                self._unpack("tail", entry, kind, data, columns, histograms)
        rows = ordered(concatenated(columns))
        by_key = {(row.series, row.time_ms): row for row in histograms if row.time_ms >= start_ms}
        return Rows(rows.where(rows.times_ms >= start_ms), tuple(by_key[key] for key in sorted(by_key)))

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """What housekeeping moves meanwhile is neither missed nor seen twice."""
        connection = self.connection
        connection.execute("BEGIN")
        try:
            yield
        finally:
            if connection.in_transaction:  # trouble with the disk ends it
                connection.execute("COMMIT")

    def coverage(self) -> tuple[tuple[int, int], ...]:
        """When somebody listened: Unix milliseconds, first and last, in order."""
        rows: list[tuple[object, object]] = []
        with self.tolerant():
            rows += self.connection.execute("SELECT start_ms, end_ms FROM coverage ORDER BY start_ms")
        return tuple((start, end) for start, end in rows if isinstance(start, int) and isinstance(end, int))

    def _read_chunks(
        self, number: int, start_ms: int, end_ms: int, columns: list[Columns], histograms: list[HistogramRow]
    ) -> None:
        for kind in (FLOATS, HISTOGRAMS):
            rows = self.connection.execute(
                "SELECT id, data FROM chunks WHERE series = ? AND kind = ? AND start_ms <= ? AND end_ms >= ?",
                (number, kind, end_ms, start_ms),
            )
            for entry, data in rows:
                self._unpack_chunk(entry, number, kind, data, columns, histograms)

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
            if not (isinstance(first, int) and isinstance(last, int)):
                self.note("pages", page, "Its bounds are no numbers.")
                continue
            at = int(np.searchsorted(numbers, first))
            if at == len(numbers) or numbers[at] > last:
                continue
            (data,) = self.connection.execute("SELECT data FROM pages WHERE id = ?", (page,)).fetchone() or (b"",)
            floats: list[Columns] = []
            of_page: list[HistogramRow] = []
            self._unpack("pages", page, kind, data, floats, of_page)
            columns += [page_rows.where(np.isin(page_rows.series, numbers)) for page_rows in floats]
            histograms += [row for row in of_page if row.series in wanted]

    def _unpack_chunk(
        self,
        entry: int,
        number: int,
        kind: int,
        data: bytes,
        columns: list[Columns],
        histograms: list[HistogramRow],
    ) -> None:
        try:
            if not isinstance(number, int):
                raise DamagedError("The series of a chunk is no number.")
            if kind == FLOATS:
                times, values = unpack_chunk(data)
                columns.append(Columns(np.full(len(times), number, np.int64), times, values))
            else:
                histograms += unpack_histograms(data)
        except DamagedError as error:
            self.note("chunks", entry, error)

    def _unpack(
        self,
        table: str,
        entry: int,
        kind: int,
        data: bytes,
        columns: list[Columns],
        histograms: list[HistogramRow],
    ) -> None:
        try:
            if kind == FLOATS:
                columns.append(unpack_page(data) if table == "pages" else unpack_tail(data))
            else:
                histograms += unpack_histograms(data)
        except DamagedError as error:
            self.note(table, entry, error)
