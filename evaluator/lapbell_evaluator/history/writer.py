"""The one thread that writes history: what waits is committed together, then those who wait go on.

While one commit is on its way to the disk, what arrives gathers for the next: no commit that somebody awaits is delayed
on purpose, and many small exports share one. What nobody awaits, as the samples that rules make, goes with the next
commit, or within a second.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar, cast

from lapbell_evaluator.damage import FAULTS, is_damage
from lapbell_evaluator.history.columns import Columns, concatenated, ordered
from lapbell_evaluator.history.errors import HistoryError
from lapbell_evaluator.history.histograms import HistogramRow, pack_histograms
from lapbell_evaluator.history.packing import pack_tail
from lapbell_evaluator.history.pages import INSERT_PAGE, float_pages, histogram_pages
from lapbell_evaluator.history.rows import SeriesRow, insert_rows, insert_series
from lapbell_evaluator.history.schema import FLOATS, HISTOGRAMS, open_writer
from lapbell_evaluator.model import Clock

__all__ = ["Writer"]

_PACE_S: Final = 1.0
_MOST_WAITING: Final = 8_000_000  # samples; beyond, history refuses rather than fill memory

_T = TypeVar("_T")
_Work = Callable[[sqlite3.Connection], object]


@dataclass(slots=True)
class _Waiting:
    """What the next commit takes."""

    series: list[SeriesRow] = field(default_factory=list)
    columns: list[Columns] = field(default_factory=list)
    histograms: list[HistogramRow] = field(default_factory=list)
    waiters: list[Future[None]] = field(default_factory=list)
    works: list[tuple[_Work, Future[object]]] = field(default_factory=list)
    exchanges: list[tuple[Callable[[], sqlite3.Connection], Future[None]]] = field(default_factory=list)
    size: int = 0

    def __bool__(self) -> bool:
        return bool(self.series or self.columns or self.histograms or self.is_awaited)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self.waiters or self.works or self.exchanges)


class Writer:
    """Owns the writing connection.

    Args:
        path: of the file.
        clock: says until when somebody listened, and how late a sample is.
        late_s: samples older than this are laid into pages at once, where questions find them; younger ones go to the
            tail, because memory holds them until the next cut.
        on_damage: called, in the writer's thread, with what shows that the file is damaged.
    """

    def __init__(
        self, path: Path, clock: Clock, late_s: float, on_damage: Callable[[BaseException], None] = lambda _: None
    ) -> None:
        self._path = path
        self._connection = open_writer(path)
        self._late_ms = int(late_s * 1000)
        self._clock = clock
        self._on_damage = on_damage
        self._changed = threading.Condition()
        self._waiting = _Waiting()
        self._is_stopping = False
        self._began_ms = self._now_ms()
        self._thread = threading.Thread(target=self._run, name="lapbell-history", daemon=True)
        self.commits = 0
        self.failure: str | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(
        self,
        series: Sequence[SeriesRow] = (),
        columns: Columns | None = None,
        histogram: HistogramRow | None = None,
    ) -> None:
        """Have something written with the next commit. Any thread may call this.

        Raises:
            HistoryError: too much waits already, because nothing can be written; the rows of series are always
                taken, since their samples may come when there is room again.
        """
        with self._changed:
            waiting = self._waiting
            if not waiting:
                self._changed.notify()
            if waiting.size > _MOST_WAITING and not series:
                raise HistoryError(self.failure or "History cannot keep up.", "Free space on its disk.")
            waiting.series += series
            if columns is not None:
                waiting.columns.append(columns)
                waiting.size += len(columns)
            if histogram is not None:
                waiting.histograms.append(histogram)
                waiting.size += 1

    async def committed(self) -> None:
        """Return when everything that was put until now is on disk.

        Raises:
            HistoryError: it is not.
        """
        committed: Future[None] = Future()
        with self._changed:
            self._waiting.waiters.append(committed)
            self._changed.notify()
        await asyncio.wrap_future(committed)

    def run(self, work: Callable[[sqlite3.Connection], _T]) -> Future[_T]:
        """Have `work` done between two commits, in a transaction of its own."""
        done: Future[_T] = Future()
        with self._changed:
            self._waiting.works.append((work, cast("Future[object]", done)))
            self._changed.notify()
        return done

    def exchange(self, opened: Callable[[], sqlite3.Connection]) -> None:
        """Close the file between two commits, and go on with the one that `opened` opens, in the writer's thread.

        Raises:
            HistoryError: none could be opened.
        """
        exchanged: Future[None] = Future()
        with self._changed:
            self._waiting.exchanges.append((opened, exchanged))
            self._changed.notify()
        exchanged.result()

    @property
    def waiting_samples(self) -> int:
        """Samples that the next commit takes."""
        with self._changed:
            return self._waiting.size

    def touch(self) -> None:
        """Note that somebody listens, though nobody sends."""
        self.run(self._cover).result()

    def stop(self) -> None:
        """Write what waits, and close the file."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_stopping)
                if not self._waiting:
                    return
                self._changed.wait_for(lambda: self._waiting.is_awaited or self._is_stopping, _PACE_S)
                batch, self._waiting = self._waiting, _Waiting()
                is_last = self._is_stopping
            self._commit(batch)
            for work, done in batch.works:
                self._do(work, done)
            for opened, exchanged in batch.exchanges:
                self._exchange(opened, exchanged)
            if is_last and not self._is_awaited():
                return

    def _is_awaited(self) -> bool:
        with self._changed:
            return self._waiting.is_awaited

    def _commit(self, batch: _Waiting) -> None:
        waiters = [waiter for waiter in batch.waiters if waiter.set_running_or_notify_cancel()]
        try:
            if batch.series or batch.columns or batch.histograms:
                self._write(batch)
            self.failure = None
        except FAULTS as error:
            self._look_for_damage(error)
            self.failure = f"History cannot be written: {error}."
            self._keep(batch)
            for waiter in waiters:
                waiter.set_exception(HistoryError(self.failure, "Free space on its disk; senders try again meanwhile."))
            return
        for waiter in waiters:
            waiter.set_result(None)

    def _write(self, batch: _Waiting) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            insert_series(connection, batch.series)
            self._insert_floats(concatenated(batch.columns))
            self._insert_histograms(batch.histograms)
            self._cover(connection)
            connection.execute("COMMIT")
        except sqlite3.Error:
            _roll_back(connection)
            raise
        self.commits += 1

    def _cover(self, connection: sqlite3.Connection) -> None:
        """Note that somebody listened from the start until now."""
        connection.execute(
            "INSERT INTO coverage (start_ms, end_ms) VALUES (?, ?)"
            " ON CONFLICT (start_ms) DO UPDATE SET end_ms = excluded.end_ms",
            (self._began_ms, self._now_ms()),
        )

    def _insert_floats(self, columns: Columns) -> None:
        now_ms = self._now_ms()
        is_late = columns.times_ms < now_ms - self._late_ms
        if is_late.any():
            insert_rows(self._connection, INSERT_PAGE, list(float_pages(ordered(columns.where(is_late)), now_ms)))
            columns = columns.where(~is_late)
        if len(columns):
            self._insert_tail(FLOATS, pack_tail(columns))

    def _insert_histograms(self, rows: list[HistogramRow]) -> None:
        now_ms = self._now_ms()
        late = [row for row in rows if row.time_ms < now_ms - self._late_ms]
        insert_rows(self._connection, INSERT_PAGE, list(histogram_pages(late, now_ms)))
        recent = [row for row in rows if row.time_ms >= now_ms - self._late_ms] if late else rows
        if recent:
            self._insert_tail(HISTOGRAMS, pack_histograms(recent))

    def _insert_tail(self, kind: int, data: bytes) -> None:
        self._connection.execute("INSERT INTO tail (kind, data) VALUES (?, ?)", (kind, data))

    def _keep(self, batch: _Waiting) -> None:
        """What could not be written waits for the next commit: memory has it already, and says so to its senders."""
        with self._changed:
            later = self._waiting
            later.series[:0] = batch.series
            later.columns[:0] = batch.columns
            later.histograms[:0] = batch.histograms
            later.size += batch.size

    def _do(self, work: _Work, done: Future[object]) -> None:
        connection = self._connection
        if not done.set_running_or_notify_cancel():
            return
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = work(connection)
            connection.execute("COMMIT")
        except FAULTS as error:
            self._look_for_damage(error)
            _roll_back(connection)
            done.set_exception(HistoryError(f"History cannot be written: {error}.", "Free space on its disk."))
        except Exception as error:  # noqa: BLE001 - it belongs to who waits for the work, not to this thread
            _roll_back(connection)
            done.set_exception(error)
        else:
            done.set_result(result)

    def _look_for_damage(self, error: BaseException) -> None:
        if is_damage(error, self._path):
            self._on_damage(error)

    def _exchange(self, opened: Callable[[], sqlite3.Connection], done: Future[None]) -> None:
        self._connection.close()
        try:
            self._connection = opened()
        except Exception as error:  # noqa: BLE001 - it belongs to who waits for the exchange, not to this thread
            done.set_exception(error)
        else:
            done.set_result(None)

    def _now_ms(self) -> int:
        return int(self._clock.now() * 1000)


def _roll_back(connection: sqlite3.Connection) -> None:
    """End a failed transaction; on a full disk SQLite has done so itself, and a damaged file may not allow it."""
    if connection.in_transaction:
        with suppress(sqlite3.DatabaseError):
            connection.execute("ROLLBACK")
