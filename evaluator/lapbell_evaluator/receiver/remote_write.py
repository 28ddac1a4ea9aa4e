"""Prometheus remote write 1.0: series become samples.

Source: Prometheus Remote-Write 1.0 specification.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from lapbell_evaluator.model import METRIC_NAME, Batch, CounterHint, Exemplar, Histogram, Labels, labels
from lapbell_evaluator.receiver.attributes import text_of
from lapbell_evaluator.receiver.exemplars import bounded, is_findable
from lapbell_evaluator.receiver.families import Registry
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.samples import Samples
from lapbell_evaluator.receiver.sender_clocks import FAR_AHEAD, SenderClocks
from lapbell_evaluator.receiver.translated import HistogramSample, Translated
from lapbell_evaluator.receiver.write_messages import (
    LABEL,
    BucketSpan,
    TimeSeries,
    WriteRequest,
    WrittenHistogram,
    WrittenMetadata,
)
from lapbell_evaluator.series import OVERFLOW_REF, Metadata

__all__ = ["WrittenSeries"]

_BROKEN_LABEL: Final = "series with a label that is no protobuf"
_NO_NAME: Final = "series without a name"
_TOO_MANY_LABELS: Final = "series with too many labels"
_LABEL_TOO_LONG: Final = "series with a label that is too long"
_TOO_MANY_SERIES: Final = "samples of new series beyond series.limit, series.limit_per_metric or the share of their job"
_FUTURE: Final = "samples from the future"
_JOB: Final = "remote_write"
_MOST_BUCKETS: Final = 10_000
_KEYS_KEPT: Final = 1_000_000
_MS_PER_S: Final = 1000
_HINTS: Final = frozenset(CounterHint)
_TYPES: Final = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")


@dataclass(frozen=True, slots=True)
class _Series:
    labels: Labels
    ref: int


class WrittenSeries:
    """Turns write requests into samples; labels come as Prometheus' own, so nothing is renamed.

    Args:
        registry: the store, as far as names go.
        limits: see `Limits`.
        clocks: of the senders.
    """

    def __init__(self, registry: Registry, limits: Limits, clocks: SenderClocks) -> None:
        self._registry = registry
        self._limits = limits
        self._clocks = clocks
        self._by_key: dict[tuple[bytes, ...], _Series] = {}
        self._by_ref: dict[int, tuple[bytes, ...]] = {}

    def translate(self, request: WriteRequest, peer: str, now: float) -> Translated:
        """The samples of a request that came from the address `peer` at `now` (Unix seconds).

        Whoever writes dates what it scrapes: it is one sender with one clock, whosever the series are.
        """
        for metadata in request.metadata:
            self._describe(metadata)
        now_ms = int(now * _MS_PER_S)
        newest_ms = _newest_of_most(request)
        shift_ms = 0 if newest_ms is None else self._clocks.shift_ms(_JOB, peer, newest_ms, now_ms)
        if newest_ms is not None and shift_ms is None:
            remark = f"the clock of the sender at {peer} is {(newest_ms - now_ms) // _MS_PER_S} s ahead"
            return _Work(0, 0, {FAR_AHEAD: sum(map(_count, request.timeseries))}).translated((remark,))
        work = _Work(now_ms + int(self._limits.future_s * _MS_PER_S), shift_ms or 0)
        for written in request.timeseries:
            self._add(work, written)
        return work.translated()

    def _add(self, work: "_Work", written: TimeSeries) -> None:
        count, key = _count(written), tuple(written.labels)
        series = self._series(key) if count else self._by_key.get(key)
        if series is None:
            return  # exemplars alone, of a series that has no samples
        if isinstance(series, str):
            work.reject(series, count)
        elif _newest_ms(written) - work.shift_ms > work.horizon_ms:
            work.reject(_FUTURE, count)
        else:
            work.add(series, written)

    def renewed(self, batch: Batch, gone: npt.NDArray[np.int64]) -> Batch:
        """The samples at the positions `gone` (int64[k]), whose series the store had let go, with new refs."""
        old = batch.refs[gone].tolist()
        new = {ref: self._renewed(ref) for ref in set(old)}
        refs = np.array([new[ref] for ref in old], np.int64)
        return Batch(refs, batch.times_ms[gone], batch.values[gone])

    def _renewed(self, ref: int) -> int:
        """The new ref of a series that the store has let go; its key leads to the new one from now on."""
        key = self._by_ref.get(ref)
        if key is None:
            return OVERFLOW_REF
        series = self._by_key[key]
        if series.ref == ref:
            series = _Series(series.labels, self._registry.intern(series.labels))
            if series.ref == OVERFLOW_REF:
                del self._by_key[key], self._by_ref[ref]  # asked for anew with the next request
                return OVERFLOW_REF
            self._by_key[key] = series
            self._by_ref[series.ref] = key
        return series.ref

    def _series(self, key: tuple[bytes, ...]) -> _Series | str:
        """A series, or why it cannot be."""
        series = self._by_key.get(key)
        if series is not None:
            return series
        if len(key) > self._limits.label_count:
            return _TOO_MANY_LABELS
        try:
            pairs = [(text_of(label.name), text_of(label.value)) for label in map(LABEL.FromString, key)]
        except DecodeError:
            return _BROKEN_LABEL
        refusal = self._refusal(pairs)
        if refusal:
            return refusal
        named = labels(pairs)
        ref = self._registry.intern(named)
        if ref == OVERFLOW_REF:
            return _TOO_MANY_SERIES
        if len(self._by_key) >= _KEYS_KEPT:
            self._by_key.clear()
            self._by_ref.clear()
        self._by_key[key] = _Series(named, ref)
        self._by_ref[ref] = key
        return self._by_key[key]

    def _refusal(self, pairs: list[tuple[str, str]]) -> str:
        limits = self._limits
        if not dict(pairs).get(METRIC_NAME):
            return _NO_NAME
        if any(len(k) > limits.label_name_chars or len(v) > limits.label_value_chars for k, v in pairs):
            return _LABEL_TOO_LONG
        return ""

    def _describe(self, metadata: WrittenMetadata) -> None:
        kind = _TYPES[metadata.type] if 0 <= metadata.type < len(_TYPES) else _TYPES[0]
        described = Metadata(kind, text_of(metadata.unit), text_of(metadata.help))
        self._registry.describe(text_of(metadata.metric_family_name), described)


@dataclass(slots=True)
class _Work:
    """What a request has come to so far.

    Attributes:
        horizon_ms: what is behind it, shifted, is of the future.
        shift_ms: what is taken off the times of its sender.
        rejected: samples by reason.
    """

    horizon_ms: int
    shift_ms: int
    rejected: dict[str, int] = field(default_factory=dict)
    _refs: list[int] = field(default_factory=list)
    _times_ms: list[int] = field(default_factory=list)
    _values: list[float] = field(default_factory=list)
    _histograms: list[HistogramSample] = field(default_factory=list)
    _exemplars: list[tuple[Labels, Exemplar]] = field(default_factory=list)
    _metrics: set[str] = field(default_factory=set)

    def reject(self, reason: str, count: int) -> None:
        """Count samples that are not taken."""
        self.rejected[reason] = self.rejected.get(reason, 0) + count

    def add(self, series: _Series, written: TimeSeries) -> None:
        """Append what was sent of a series."""
        self._metrics.add(dict(series.labels)[METRIC_NAME])
        for sample in written.samples:
            self._refs.append(series.ref)
            self._times_ms.append(sample.timestamp)
            self._values.append(sample.value)
        for message in written.histograms:
            time_ms = message.timestamp - self.shift_ms
            self._histograms.append(HistogramSample(series.ref, time_ms, _histogram(message)))
        if written.exemplars:
            at_our_time = _exemplars(written, self.shift_ms)
            self._exemplars += [
                (series.labels, exemplar) for exemplar in at_our_time if is_findable(exemplar, self.horizon_ms)
            ]

    def translated(self, remarks: tuple[str, ...] = ()) -> Translated:
        """What it came to."""
        times_ms = np.array(self._times_ms, np.int64) - self.shift_ms
        batch = Batch(np.array(self._refs, np.int64), times_ms, np.array(self._values, np.float64))
        return Translated(
            Samples().batch(),
            batch,
            tuple(self._histograms),
            frozenset(self._metrics),
            self.rejected,
            tuple(self._exemplars),
            remarks,
        )


def _count(series: TimeSeries) -> int:
    return len(series.samples) + len(series.histograms)


def _newest_of_most(request: WriteRequest) -> int | None:
    """When most series were measured last: a single one may have times of its own."""
    newest_ms = sorted(_newest_ms(series) for series in request.timeseries if _count(series))
    return newest_ms[(len(newest_ms) - 1) // 2] if newest_ms else None


def _newest_ms(series: TimeSeries) -> int:
    times_ms = [
        *(sample.timestamp for sample in series.samples),
        *(histogram.timestamp for histogram in series.histograms),
    ]
    return max(times_ms, default=0)


def _exemplars(series: TimeSeries, shift_ms: int) -> Iterator[Exemplar]:
    for exemplar in series.exemplars:
        labels = {text_of(label.name): text_of(label.value) for label in exemplar.labels}
        yield Exemplar(exemplar.timestamp - shift_ms, exemplar.value, bounded(labels))


def _histogram(written: WrittenHistogram) -> Histogram:
    positive, positive_offset = _dense(written.positive_spans, written.positive_deltas, written.positive_counts)
    negative, negative_offset = _dense(written.negative_spans, written.negative_deltas, written.negative_counts)
    return Histogram(
        schema=written.schema,
        count=float(written.count_int or written.count_float),
        sum=written.sum,
        zero_threshold=written.zero_threshold,
        zero_count=float(written.zero_count_int or written.zero_count_float),
        positive=positive,
        positive_offset=positive_offset,
        negative=negative,
        negative_offset=negative_offset,
        bounds=tuple(written.custom_values),
        hint=CounterHint(written.reset_hint) if written.reset_hint in _HINTS else CounterHint.UNKNOWN,
    )


def _dense(
    spans: Iterable[BucketSpan], deltas: Sequence[int], counts: Sequence[float]
) -> tuple[npt.NDArray[np.float64], int]:
    """Buckets side by side, and the number of the first; spans name the gaps between them.

    Raises:
        Refusal: spans and counts do not fit each other, or reach too far.
    """
    absolute = np.array(counts, np.float64) if len(counts) else np.cumsum(np.array(deltas, np.float64))
    numbers: list[int] = []
    at = 0
    for span in spans:
        at += span.offset
        if len(numbers) + span.length > len(absolute):
            break
        numbers += range(at, at + span.length)
        at += span.length
    if len(numbers) != len(absolute) or (numbers and max(numbers) - min(numbers) >= _MOST_BUCKETS):
        raise Refusal(Reason.UNDECODABLE, "A native histogram's spans do not fit its buckets.")
    if not numbers:
        return absolute, 0
    dense = np.zeros(max(numbers) - min(numbers) + 1)
    dense[np.array(numbers) - min(numbers)] = absolute
    return dense, min(numbers)
