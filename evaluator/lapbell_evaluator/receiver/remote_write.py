"""Prometheus remote write 1.0: series become samples.

Source: Prometheus Remote-Write 1.0 specification.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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
    """

    def __init__(self, registry: Registry, limits: Limits) -> None:
        self._registry = registry
        self._limits = limits
        self._by_key: dict[tuple[bytes, ...], _Series] = {}
        self._by_ref: dict[int, tuple[bytes, ...]] = {}

    def translate(self, request: WriteRequest, now: float) -> Translated:
        """The samples of a request that arrived at `now` (Unix seconds)."""
        for metadata in request.metadata:
            self._describe(metadata)
        horizon_ms = int((now + self._limits.future_s) * _MS_PER_S)
        refs: list[int] = []
        times_ms: list[int] = []
        values: list[float] = []
        histograms: list[HistogramSample] = []
        exemplars: list[tuple[Labels, Exemplar]] = []
        metrics: set[str] = set()
        rejected: dict[str, int] = {}
        for written in request.timeseries:
            count = len(written.samples) + len(written.histograms)
            key = tuple(written.labels)
            series = self._series(key) if count else self._by_key.get(key)
            if series is None:
                continue  # exemplars alone, of a series that has no samples
            if isinstance(series, str):
                rejected[series] = rejected.get(series, 0) + count
                continue
            if _newest_ms(written) > horizon_ms:
                rejected[_FUTURE] = rejected.get(_FUTURE, 0) + count
                continue
            metrics.add(dict(series.labels)[METRIC_NAME])
            for sample in written.samples:
                refs.append(series.ref)
                times_ms.append(sample.timestamp)
                values.append(sample.value)
            histograms += [
                HistogramSample(series.ref, message.timestamp, _histogram(message)) for message in written.histograms
            ]
            if written.exemplars:
                exemplars += [
                    (series.labels, exemplar) for exemplar in _exemplars(written) if is_findable(exemplar, horizon_ms)
                ]
        batch = Batch(np.array(refs, np.int64), np.array(times_ms, np.int64), np.array(values, np.float64))
        return Translated(Samples().batch(), batch, tuple(histograms), frozenset(metrics), rejected, tuple(exemplars))

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


def _newest_ms(series: TimeSeries) -> int:
    times_ms = [
        *(sample.timestamp for sample in series.samples),
        *(histogram.timestamp for histogram in series.histograms),
    ]
    return max(times_ms, default=0)


def _exemplars(series: TimeSeries) -> Iterator[Exemplar]:
    for exemplar in series.exemplars:
        labels = {text_of(label.name): text_of(label.value) for label in exemplar.labels}
        yield Exemplar(exemplar.timestamp, exemplar.value, bounded(labels))


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
