"""What rules make becomes series: recorded values, `ALERTS`, `ALERTS_FOR_STATE`, with stale markers where they end."""

import math
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.evaluation.orphaned_series import ALERTS, FOR_STATE, Family, OrphanedSeries
from lapbell_evaluator.model import METRIC_NAME, Alert, Batch, Histogram, Labels, State, labels
from lapbell_evaluator.series import OVERFLOW_REF, AppendResult, Matcher, MatchOp, Selection, is_stale, stale_marker

__all__ = ["RecordedSeries", "Recorder"]

_STATE: Final = "alertstate"
_LOOKBACK_MS: Final = 300_000
_MS_PER_S: Final = 1000


class RecordedSeries(Protocol):
    """Where rules' series go, and later rules find them. Called from the threads of evaluations."""

    def intern(self, labels: Labels) -> int:
        """The ref of a series."""
        ...

    def append(self, batch: Batch) -> AppendResult:
        """Keep samples; `gone` names those whose series was let go."""
        ...

    def append_histogram(self, ref: int, time_ms: int, histogram: Histogram) -> AppendResult:
        """Keep a native histogram; `gone` names it if its series was let go."""
        ...

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> AbstractContextManager[Selection]:
        """The series that match, with their samples between two times."""
        ...


class Recorder:
    """Writes what rules make. Any thread may call it; it may wait for a disk: not for the loop.

    Args:
        series: takes it.
    """

    def __init__(self, series: RecordedSeries) -> None:
        self._series = series
        self._lock = threading.Lock()
        self._left = OrphanedSeries()
        self._last: dict[str, dict[Labels, int]] = {}
        self._runs: dict[str, tuple[list[Labels], npt.NDArray[np.int64]]] = {}
        self._names: dict[str, dict[tuple[Labels, State], tuple[Labels, Labels]]] = {}

    def take_over(self, makers: Mapping[str, Collection[Family]], at: float) -> None:
        """Know what is open since an earlier life: it ends where no rule makes it again.

        Args:
            makers: what each rule can make, by its key; rules that are no more are to be ended.
            at: Unix seconds.
        """
        metrics = {name for families in makers.values() for family in families for name in family.metrics}
        with self._lock:
            self._left = OrphanedSeries(self._open_series(metrics, round(at * _MS_PER_S)), makers)

    def write(self, rule: str, samples: Mapping[Labels, float | Histogram], at: float) -> None:
        """Write what a rule made, and end the series that it made last time and not now.

        Args:
            rule: its key.
            samples: values by labels, the name among them.
            at: Unix seconds.
        """
        with self._lock:
            self._write(rule, samples, at)

    def alerts(self, rule: str, alerts: Iterable[Alert], at: float) -> None:
        """Write the `ALERTS` and `ALERTS_FOR_STATE` of one rule.

        Args:
            rule: its key.
            alerts: those that are pending or firing.
            at: Unix seconds.
        """
        with self._lock:
            before = self._names.get(rule, {})
            names = {}
            samples: dict[Labels, float] = {}
            for alert in alerts:
                key = (alert.labels, alert.state)
                one, for_state = names[key] = before.get(key) or _named(alert)
                samples[one] = 1.0
                samples[for_state] = math.floor(alert.active_at)
            self._names[rule] = names
            self._write(rule, samples, at)

    def end(self, rule: str, at: float) -> None:
        """End the series of a rule that was removed."""
        with self._lock:
            self._write(rule, {}, at)
            del self._last[rule]
            self._names.pop(rule, None)
            self._runs.pop(rule, None)

    def rules(self) -> frozenset[str]:
        """Keys of the rules whose series are open, or may be since an earlier life."""
        return frozenset(self._last) | self._left.rules()  # without the lock: the loop asks

    def _write(self, rule: str, samples: Mapping[Labels, float | Histogram], at: float) -> None:
        if self._is_continued(rule, samples, at):
            return
        last = self._last.get(rule, {})
        intern = self._series.intern
        refs = {series: last.get(series) or intern(series) for series in samples}  # those without room ask again
        self._last[rule] = refs
        ended = {series: ref for series, ref in last.items() if series not in refs}
        for series in self._left.after(rule):
            if not any(series in written for written in self._last.values()):
                ended[series] = intern(series)
        numbers = {series: value for series, value in samples.items() if not isinstance(value, Histogram)}
        values = np.concatenate([np.array([*numbers.values()], np.float64), np.repeat(stale_marker(), len(ended))])
        self._append([*numbers, *ended], [*(refs[series] for series in numbers), *ended.values()], values, at, refs)
        if len(numbers) == len(samples) and OVERFLOW_REF not in refs.values():
            self._runs[rule] = ([*numbers], np.array([refs[series] for series in numbers], np.int64))
            return
        self._runs.pop(rule, None)
        for series, value in samples.items():
            if isinstance(value, Histogram):
                self._append_histogram(series, value, at, refs)

    def _is_continued(self, rule: str, samples: Mapping[Labels, float | Histogram], at: float) -> bool:
        """Write values of the very series of last time, in their order; false where any is new, ended or evicted."""
        last, refs = self._runs.get(rule, ((), None))
        if refs is None or not len(refs) or [*samples] != last or set(map(type, samples.values())) != {float}:
            return False
        values = np.fromiter(samples.values(), np.float64, len(refs))
        times_ms = np.full(len(refs), round(at * _MS_PER_S), np.int64)
        return not len(self._series.append(Batch(refs, times_ms, values)).gone)

    def _append(
        self,
        every: Sequence[Labels],
        refs: list[int],
        values: npt.NDArray[np.float64],
        at: float,
        written: dict[Labels, int],
    ) -> None:
        if not every:
            return
        batch = Batch(
            refs=np.array(refs, np.int64),
            times_ms=np.full(len(refs), round(at * _MS_PER_S), np.int64),
            values=values,
        )
        gone = self._series.append(batch).gone
        again = [position for position in gone.tolist() if every[position] in written]
        if again:  # evicted since they were written last: they are new series
            for position in again:
                written[every[position]] = self._series.intern(every[position])
            refs_again = np.array([written[every[position]] for position in again], np.int64)
            self._series.append(Batch(refs_again, batch.times_ms[again], batch.values[again]))

    def _append_histogram(self, series: Labels, histogram: Histogram, at: float, written: dict[Labels, int]) -> None:
        time_ms = round(at * _MS_PER_S)
        if len(self._series.append_histogram(written[series], time_ms, histogram).gone):
            written[series] = self._series.intern(series)
            self._series.append_histogram(written[series], time_ms, histogram)

    def _open_series(self, metrics: Collection[str], at_ms: int) -> Iterator[Labels]:
        """Series whose last sample is within the lookback and no stale marker."""
        for name in sorted(metrics):
            named = (Matcher(METRIC_NAME, MatchOp.EQUAL, name),)
            with self._series.select(named, at_ms - _LOOKBACK_MS, at_ms) as selection:
                every = selection.table.rows()
                rows = iter(every)  # those of one frame after those of another
                for frame in selection.frames:
                    ends = frame.rows_until(at_ms)
                    last = np.maximum(ends - 1, 0)
                    is_open = (ends > frame.first_rows()) & (frame.times_at(last) > at_ms - _LOOKBACK_MS)
                    is_open &= ~is_stale(np.ascontiguousarray(frame.values_at(last)))
                    yield from (
                        row_labels for is_left, row_labels in zip(is_open.tolist(), rows, strict=False) if is_left
                    )
                for row, held in selection.histograms.items():
                    if held.times[-1] > at_ms - _LOOKBACK_MS:  # one that was ended is ended again: no harm
                        yield every[row]


def _named(alert: Alert) -> tuple[Labels, Labels]:
    return (
        labels({**dict(alert.labels), METRIC_NAME: ALERTS, _STATE: str(alert.state)}),
        labels({**dict(alert.labels), METRIC_NAME: FOR_STATE}),
    )
