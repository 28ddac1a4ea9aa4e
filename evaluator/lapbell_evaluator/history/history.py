"""Memory and disk as one: what comes in is kept in both, what is asked for is taken from where it is."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from lapbell import semconv
from lapbell_evaluator.damage import FAULTS, DamageLog
from lapbell_evaluator.history.columns import Columns, concatenated, ordered
from lapbell_evaluator.history.errors import HistoryError
from lapbell_evaluator.history.frame import frame_of
from lapbell_evaluator.history.histograms import HistogramRow
from lapbell_evaluator.history.housekeeping import CHUNK_MS, compact, cut, delete_series, expire, put_aside
from lapbell_evaluator.history.names import SeriesNumbers
from lapbell_evaluator.history.numbered_refs import NumberedRefs
from lapbell_evaluator.history.opening import leave, prepare, take_over
from lapbell_evaluator.history.reader import Reader, Rows
from lapbell_evaluator.history.rows import SeriesRow, insert_series
from lapbell_evaluator.history.schema import open_reader, open_writer
from lapbell_evaluator.history.warmth import restored
from lapbell_evaluator.history.writer import Writer
from lapbell_evaluator.model import METRIC_NAME, Batch, Clock, Histogram, Labels, Reading, ReadingKind
from lapbell_evaluator.series import (
    OVERFLOW_REF,
    AppendResult,
    HistogramSeries,
    LabelTable,
    Matcher,
    MatchOp,
    Metadata,
    Selection,
    SeriesStore,
    Spend,
    column_of,
    free,
)

__all__ = ["History", "HistorySettings"]

_MS_PER_S: Final = 1000
_BEATS_PER_GAP: Final = 4
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """How history is kept.

    Attributes:
        memory_s: how far back memory holds everything, behind the newest sample; the store's retention.
        longer_s: by how much longer memory holds some metrics, by name.
        ahead_s: how far the newest sample may be ahead of the clock.
        cut_s: how often the tail is laid into pages; well below `memory_s`.
        cut_rows: how many rows of the tail are in memory for that at once, at 130 bytes each.
        late_s: samples older than this on arrival are laid into pages at once; with `cut_s` and `ahead_s` well below
            `memory_s`, so that questions find them before memory lets go of them.
        keep_s: how long chunks are kept; samples older than this on arrival are refused.
        keep_bytes: how large the file may become.
        gap_s: a silence longer than this breaks coverage.
    """

    memory_s: float = 900.0
    longer_s: Mapping[str, float] = field(default_factory=dict)
    ahead_s: float = 60.0
    cut_s: float = 300.0
    cut_rows: int = 1_000_000
    late_s: float = 420.0
    keep_s: float = 30 * 86_400.0
    keep_bytes: int = 10 * 1024**3
    gap_s: float = 60.0


class History:
    """Keeps what comes in in memory and on disk, and answers from both.

    It is a `Sink` for the receiver, a `Storage` for the engine, and what the receiver awaits before it acknowledges.

    Args:
        store: memory; filled with what was in it before the restart.
        path: of the file; made on first use.
        clock: tells how old a sample is, and until when somebody listened.
        settings: see `HistorySettings`.

    A file that is damaged, or no history at all, is moved aside, and a new one takes over what can be read of it.

    Attributes:
        damage: what was found damaged.

    Raises:
        HistoryError: the file cannot be opened for another reason.
    """

    def __init__(self, store: SeriesStore, path: Path, clock: Clock, settings: HistorySettings | None = None) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings or HistorySettings()
        self._path = path
        self.damage = DamageLog("history", clock)
        self._asides: list[Path] = []
        prepare(path, self.damage, clock.now())
        self._reader = Reader(path, self.damage)
        self._writer = Writer(path, clock, self._settings.late_s, self._reader.mark_broken)
        self._numbers = SeriesNumbers(open_reader(path))
        self._numbered = NumberedRefs(lambda series: self._numbers.given(series, self._announce))
        self._chunks = 0
        self._since_ms = self._now_ms() - int(self._settings.memory_s * _MS_PER_S)
        self._last = restored(store, self._numbers, self._reader, self._since_ms, self._numbered.interned)
        self._next_cut_ms = self._now_ms() + int(self._settings.cut_s * _MS_PER_S)
        self._next_compaction_ms = self._boundary_ms()
        self._writer.start()

    # What comes in ------------------------------------------------------------------------------------------------

    def intern(self, labels: Labels) -> int:
        """The ref of a series, as the store gives it."""
        ref = self._store.intern(labels)
        if ref != OVERFLOW_REF:
            self._numbered.interned(ref, labels)
        return ref

    def describe(self, metric: str, metadata: Metadata) -> None:
        """Say what a metric is."""
        self._store.describe(metric, metadata)

    def append(self, batch: Batch) -> AppendResult:
        """Keep samples; they survive once `committed` has returned.

        Raises:
            HistoryError: too much waits already, because nothing can be written.
        """
        result, columns = self._remembered(batch)
        if len(columns):
            self._writer.put(columns=columns)
        return result

    def record(self, batch: Batch) -> AppendResult:
        """Keep samples that nobody waits for: they are written within a second or so.

        Where nothing can be written and too much waits already, memory alone has them: rules go on.
        """
        result, columns = self._remembered(batch, is_recorded=True)
        if len(columns):
            with suppress(HistoryError):  # logged at every beat, for as long as it lasts
                self._writer.put(columns=columns)
        return result

    def append_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        """Keep a native histogram.

        Raises:
            HistoryError: too much waits already, because nothing can be written.
        """
        if time_ms < self._oldest_ms():
            return AppendResult(out_of_window=1)
        result = self._store.append_histogram(ref, time_ms, histogram)
        self._put_histogram(result, ref, time_ms, histogram)
        return result

    def record_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        """As `record`."""
        result = self._store.append_histogram(ref, time_ms, histogram, is_recorded=True)
        with suppress(HistoryError):  # as there
            self._put_histogram(result, ref, time_ms, histogram)
        return result

    async def committed(self) -> None:
        """Return when everything that was appended until now would survive `kill -9`, and power loss.

        Raises:
            HistoryError: it would not.
        """
        await self._writer.committed()

    def recovered(self, labels: Labels) -> tuple[int, float] | None:
        """The last sample of a series before the restart: Unix milliseconds and value; None if there is none.

        Of series that have not come back two hours after the restart there is none any more.
        """
        number = self._numbers.known(labels)  # all of them were remembered; a new delta is not worth asking the file
        return None if number is None else self._last.of(number)

    # What is asked for --------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Changes with everything that arrives."""
        return self._store.version

    def unchanged(self) -> AbstractContextManager[int]:
        """Nothing arrives within the context; the version."""
        return self._store.unchanged()

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend = free
    ) -> AbstractContextManager[Selection]:
        """The series that match all matchers, with at least their samples from `start_ms` up to `end_ms`.

        `spend` is told of what is read from disk, while it is read.
        """
        if start_ms >= self._memory_from_ms(matchers):
            return self._store.select(matchers, start_ms, end_ms)
        return self._joined(matchers, start_ms, end_ms, spend)

    def matching(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend = free
    ) -> tuple[Labels, ...]:
        """Labels of the series that match and have samples between two times, sorted.

        `spend` is told of the series that are looked at, while they are.
        """
        in_memory = self._store.matching(matchers, start_ms, end_ms, spend)
        if start_ms >= self._memory_from_ms(matchers):
            return in_memory
        on_disk = self._reader.matching(matchers, spend)
        present = self._reader.present(list(on_disk), start_ms, end_ms, spend)
        return tuple(sorted({*in_memory, *(on_disk[number] for number in present)}))

    def coverage(self) -> tuple[tuple[float, float], ...]:
        """When somebody listened, Unix seconds, silences of at most `gap_s` not counted."""
        joined: list[tuple[int, int]] = []
        for start, end in self._reader.coverage():
            if joined and start - joined[-1][1] <= self._settings.gap_s * _MS_PER_S:
                joined[-1] = (joined[-1][0], max(joined[-1][1], end))
            else:
                joined.append((start, end))
        return tuple((start / _MS_PER_S, end / _MS_PER_S) for start, end in joined)

    def warm_since(self) -> float | None:
        """Unix seconds since which nothing was missed, as far as memory reaches; None if it begins now.

        To be asked at the start, before anything new is kept.
        """
        covered = self.coverage()
        now = self._clock.now()
        if not covered or now - covered[-1][1] > self._settings.gap_s:
            return None
        return max(covered[-1][0], now - self._settings.memory_s)

    @property
    def trouble(self) -> str:
        """Why what arrives cannot be written, for as long as that lasts; empty while it can."""
        return self._writer.failure or ""

    def readings(self) -> tuple[Reading, ...]:
        """What history says about itself now."""
        counter, gauge = ReadingKind.COUNTER, ReadingKind.GAUGE
        return (
            Reading(
                semconv.LAPBELL_HISTORY_COMMITS,
                counter,
                "{commit}",
                self._writer.commits,
                "Commits of arrived samples.",
            ),
            Reading(
                semconv.LAPBELL_HISTORY_WAITING_SAMPLES,
                gauge,
                "{sample}",
                self._writer.waiting_samples,
                "Samples that the next commit takes.",
            ),
            Reading(semconv.LAPBELL_HISTORY_CHUNKS, counter, "{chunk}", self._chunks, "Chunks that were made."),
            Reading(
                semconv.LAPBELL_HISTORY_DAMAGED,
                counter,
                "{entry}",
                self.damage.count,
                "Chunks, pages, tail entries and names of series that could not be read.",
            ),
        )

    # Rounds -------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Beat until cancelled; what fails is logged and tried again."""
        beat_s = min(self._settings.gap_s / _BEATS_PER_GAP, self._settings.cut_s)
        while True:
            await asyncio.sleep(beat_s)
            try:
                await asyncio.to_thread(self.beat)
            except (HistoryError, *FAULTS) as error:
                _log.error("history: %s", error)

    def beat(self) -> None:
        """Say that somebody listens, keep what is damaged apart, and go the round when it is time."""
        self._mend()
        self._writer.touch()
        cut_ms = int(self._settings.cut_s * _MS_PER_S)
        if not self._next_cut_ms - cut_ms <= self._now_ms() < self._next_cut_ms:  # or the clock was set back
            self._next_cut_ms = self._now_ms() + int(self._settings.cut_s * _MS_PER_S)
            self.go_round()

    def go_round(self) -> None:
        """Lay the tail into pages; every two hours, make chunks and let the oldest go."""
        with self._reader.tolerant():
            cut(self._reader, self._writer, self._now_ms(), self._settings.cut_rows)
        was_set_back = self._boundary_ms() < self._next_compaction_ms  # it stands for the present window otherwise
        if self._now_ms() >= self._next_compaction_ms or was_set_back:
            with self._reader.tolerant():
                self._chunks += compact(self._reader, self._writer, self._now_ms())
            horizon_ms = self._now_ms() - int(self._settings.keep_s * _MS_PER_S)
            expire(self._writer, horizon_ms, self._settings.keep_bytes)
            with self._reader.tolerant():
                self._numbers.let_go(self._numbered.numbers(), partial(delete_series, self._writer))
            self._next_compaction_ms = self._boundary_ms()

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._writer.stop()
        self._reader.close()
        self._numbers.close()

    # Inside -------------------------------------------------------------------------------------------------------

    def _mend(self) -> None:
        """Leave a file that turned out to be damaged, take over what is left of it; quarantine damaged entries."""
        broken = self._reader.broken
        if broken is not None:
            with self._numbers.apart(partial(open_reader, self._path)), self._reader.apart():
                self._writer.exchange(partial(self._begin_anew, broken))
        while self._asides:
            take_over(self._asides.pop(), self.damage, self._put_rows)
        put_aside(self._reader, self._writer, self._now_ms())

    def _begin_anew(self, error: BaseException) -> sqlite3.Connection:
        """A new file with the names of the series that are in memory, in the place of the damaged one."""
        self._asides.append(leave(self._path, self.damage, error, self._clock.now()))
        connection = open_writer(self._path)
        insert_series(connection, self._numbers.all())
        return connection

    def _put_rows(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._writer.run(lambda connection: connection.executemany(statement, rows)).result()

    def _announce(self, new: Sequence[SeriesRow]) -> None:
        self._writer.put(series=new)

    def _put_histogram(self, result: AppendResult, ref: int, time_ms: int, histogram: Histogram) -> None:
        number = int(self._numbered.of(np.array([ref]))[0])
        if result.accepted and number:
            self._writer.put(histogram=HistogramRow.of(number, time_ms, histogram))

    def _remembered(self, batch: Batch, *, is_recorded: bool = False) -> tuple[AppendResult, Columns]:
        """Samples in memory, and what is to be written: all but those that are older than history keeps.

        What memory finds too old is no loss, since history has it.
        """
        kept = np.flatnonzero(batch.times_ms >= self._oldest_ms())  # int64[k], positions in the batch
        refused = len(batch.refs) - len(kept)
        if refused:
            batch = Batch(batch.refs[kept], batch.times_ms[kept], batch.values[kept])
        result = self._store.append(batch, is_recorded=is_recorded)
        numbers = self._numbered.of(batch.refs)
        chosen = numbers > 0
        chosen[result.gone] = False
        accepted = result.accepted + result.out_of_window
        result = replace(result, accepted=accepted, out_of_window=refused, gone=kept[result.gone])
        return result, Columns(numbers[chosen], batch.times_ms[chosen], batch.values[chosen])

    def _oldest_ms(self) -> int:
        """Since when samples are taken: what is older would leave with the next round."""
        return self._now_ms() - int(self._settings.keep_s * _MS_PER_S)

    @contextmanager
    def _joined(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, spend: Spend) -> Iterator[Selection]:
        labels_of = self._reader.matching(matchers, spend)
        rows = self._reader.read(list(labels_of), start_ms, end_ms, spend)
        if end_ms >= self._memory_from_ms(matchers):
            recent = self._in_memory(matchers, start_ms, end_ms, labels_of)
            rows = Rows(ordered(concatenated([rows.columns, recent.columns])), rows.histograms + recent.histograms)
        yield _selection(rows, labels_of)

    def _in_memory(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, labels_of: dict[int, Labels]) -> Rows:
        """The rows that memory holds; adds series that are not on disk to `labels_of`, below zero."""
        parts: list[Columns] = []
        histograms: list[HistogramRow] = []
        with self._store.select(matchers, start_ms, end_ms) as selection:
            labels = selection.table.rows()
            known = enumerate(self._numbers.of(labels))
            numbers = np.array([-1 - at if number is None else number for at, number in known], np.int64)
            labels_of |= dict(zip(numbers.tolist(), labels, strict=True))
            first = 0
            for frame in selection.frames:
                begin, end = int(frame.first_rows().min(initial=0)), int(frame.rows_until(end_ms).max(initial=0))
                times, values = frame.times(begin, end), frame.values(begin, end)
                inside = (times >= start_ms) & (times <= end_ms)
                row, column = np.nonzero(inside)
                parts.append(Columns(numbers[first + column], times[row, column], values[row, column]))
                first += frame.size
            for at, held in selection.histograms.items():
                for time_ms, histogram in zip(held.times, held.histograms, strict=True):
                    if start_ms <= time_ms <= end_ms:
                        histograms.append(HistogramRow.of(int(numbers[at]), time_ms, histogram))
        return Rows(concatenated(parts), tuple(histograms))

    def _memory_from_ms(self, matchers: Sequence[Matcher]) -> int:
        """From when on memory holds everything that matches; of an earlier life it never holds more than `memory_s`."""
        settings = self._settings
        usual_ms = self._now_ms() - int((settings.memory_s - settings.ahead_s) * _MS_PER_S)
        name = next((each.value for each in matchers if each.name == METRIC_NAME and each.op is MatchOp.EQUAL), "")
        longer_ms = int(settings.longer_s.get(name, 0.0) * _MS_PER_S) if name else 0
        return min(usual_ms, max(usual_ms - longer_ms, self._since_ms))

    def _boundary_ms(self) -> int:
        """When the present chunk window and what may come late for it are over."""
        now_ms = self._now_ms()
        return now_ms - now_ms % CHUNK_MS + CHUNK_MS + int(self._settings.late_s * _MS_PER_S)

    def _now_ms(self) -> int:
        return int(self._clock.now() * _MS_PER_S)


def _selection(rows: Rows, labels_of: dict[int, Labels]) -> Selection:
    floats = np.unique(rows.columns.series).tolist()
    of_histograms: dict[int, HistogramSeries] = {}
    by_key = {(row.series, row.time_ms): row for row in rows.histograms}
    for row in (by_key[key] for key in sorted(by_key)):
        held = of_histograms.setdefault(row.series, HistogramSeries([], []))
        held.times.append(row.time_ms)
        held.histograms.append(row.histogram())
    numbers = [*floats, *(number for number in of_histograms if number not in set(floats))]
    if not numbers:
        return Selection(LabelTable(0, {}), (), {})
    label_rows = [dict(labels_of[number]) for number in numbers]
    names = {name for row in label_rows for name in row}
    table = LabelTable(len(numbers), {name: column_of(row.get(name, "") for row in label_rows) for name in names})
    frame = frame_of(rows.columns, numbers)
    return Selection(table, (frame,), {numbers.index(number): held for number, held in of_histograms.items()})
