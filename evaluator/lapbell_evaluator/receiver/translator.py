"""Columns of points become a batch of samples under Prometheus' names.

One translator serves all gates and is used by one thread: it holds what must outlive an export, the refs of every
series and the start of every counter.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import Batch
from lapbell_evaluator.receiver.attributes import attribute_pairs
from lapbell_evaluator.receiver.delta import accumulated
from lapbell_evaluator.receiver.families import Family, Interner, Series, SeriesNames
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.names import Kind
from lapbell_evaluator.receiver.points import AttributesKey, Histograms, Metric, MetricsExport, Numbers, Summaries
from lapbell_evaluator.receiver.resource import Target, target_of
from lapbell_evaluator.receiver.samples import STALE, Samples, milliseconds

__all__ = ["Translated", "Translator"]

_NS_PER_MS: Final = 1_000_000
_MS_PER_S: Final = 1000
_KEPT_APART_MS: Final = 1_001
_SOURCES_KEPT: Final = 10_000
_NO_TIME: Final = "points without a time"
_FUTURE: Final = "points from the future"
_REPEATED_DELTA: Final = "deltas that overlap ones counted before"

_WITHOUT_START: Final = frozenset({Kind.GAUGE, Kind.UP_DOWN_COUNTER})
_Columns = Numbers | Histograms | Summaries
_FamilyKey = tuple[Metric, bytes | tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Translated:
    """What an export came to.

    Attributes:
        batch: its samples.
        metrics: the Prometheus names in it, `target_info` aside.
        rejected: number of points that were not taken, by reason.
    """

    batch: Batch
    metrics: frozenset[str]
    rejected: dict[str, int]


@dataclass(slots=True)
class _Source:
    """A resource that has sent before."""

    target: Target
    info_ref: int | None
    families: dict[_FamilyKey, Family] = field(default_factory=dict)


@dataclass(slots=True)
class _Work:
    """One export under translation."""

    export: MetricsExport
    now_ms: int
    samples: Samples = field(default_factory=Samples)
    latest_ms: int = 0
    metrics: set[str] = field(default_factory=set)


class Translator:
    """Turns exports into batches."""

    def __init__(
        self, interner: Interner, limits: Limits, promote: frozenset[str] = frozenset(), *, utf8: bool = False
    ) -> None:
        self._names = SeriesNames(interner, limits, utf8)
        self._future_ms = int(limits.future_s * _MS_PER_S)
        self._promote = promote
        self._utf8 = utf8
        self._sources: dict[AttributesKey, _Source] = {}

    def translate(self, export: MetricsExport, now: float) -> Translated:
        """The batch of an export that arrived at `now` (Unix seconds); points that break a rule are counted only."""
        work = _Work(export, int(now * _MS_PER_S))
        for sent in export.sources:
            source = self._source(sent.resource)
            work.latest_ms = 0
            for scope in sent.scopes:
                for columns in scope.columns:
                    self._add(work, source, columns)
            if source.info_ref is not None and work.latest_ms:
                work.samples.add(np.array([source.info_ref]), np.array([work.latest_ms]), np.ones(1))
        return Translated(work.samples.batch(), frozenset(work.metrics), export.rejected)

    def _source(self, resource: AttributesKey) -> _Source:
        source = self._sources.get(resource)
        if source is None:
            if len(self._sources) >= _SOURCES_KEPT:
                self._sources.clear()
            target = target_of(attribute_pairs(resource), self._promote, utf8=self._utf8)
            info = None if target.info is None else self._names.single(target.info)
            source = self._sources[resource] = _Source(target, info)
        return source

    def _add(self, work: _Work, source: _Source, columns: _Columns) -> None:
        match columns:
            case Numbers():
                self._add_numbers(work, source, columns)
            case Histograms():
                self._add_histograms(work, source, columns)
            case Summaries():
                self._add_summaries(work, source, columns)

    def _add_numbers(self, work: _Work, source: _Source, columns: Numbers) -> None:
        metric = columns.metric
        family = source.families.get((metric, b""))
        if family is None:
            family = source.families[metric, b""] = self._names.family(source.target, metric)
        values = np.array(columns.values, np.float64)
        self._emit(work, family, columns, values[:, None])

    def _add_histograms(self, work: _Work, source: _Source, columns: Histograms) -> None:
        key = (columns.metric, columns.bounds.tobytes())
        family = source.families.get(key)
        if family is None:
            family = source.families[key] = self._names.family(source.target, columns.metric, columns.bounds)
        totals = np.array(columns.totals, np.float64)
        values = np.empty((len(totals), len(columns.bounds) + 3))  # float64[point, series]: buckets, +Inf, sum, count
        np.cumsum(columns.matrix()[:, :-1], axis=1, out=values[:, :-3])
        values[:, -3] = values[:, -1] = totals
        values[:, -2] = columns.sums
        self._emit(work, family, columns, values)

    def _add_summaries(self, work: _Work, source: _Source, columns: Summaries) -> None:
        for position, of_point in enumerate(columns.quantiles):
            quantiles = tuple(at for at, _ in of_point)
            family = source.families.get((columns.metric, quantiles))
            if family is None:
                family = self._names.summary(source.target, columns.metric, quantiles)
                source.families[columns.metric, quantiles] = family
            point = columns.only(position)
            values = [*(value for _, value in of_point), columns.sums[position], columns.totals[position]]
            self._emit(work, family, point, np.array([values], np.float64))

    def _emit(self, work: _Work, family: Family, columns: _Columns, values: npt.NDArray[np.float64]) -> None:
        """Samples of one metric's points; `values` is float64[point, series]."""
        if not len(values):
            return
        values[columns.ended] = STALE
        times_ms = milliseconds(columns.times_ns)
        refused = _unusable(times_ms, work.now_ms + self._future_ms)
        all_series: list[Series] = []
        kept: list[int] = []
        for position, key in enumerate(columns.attributes):
            series = family.by_attributes.get(key) or self._names.find(family, key)
            refusal = (
                refused.get(position) or series.refusal or _advance(work.samples, series, columns, position, values)
            )
            if refusal:
                work.export.reject(refusal)
            else:
                all_series.append(series)
                kept.append(position)
        if kept:
            work.metrics |= family.metrics
            _add(work.samples, all_series, times_ms[kept], values[kept], _has_no_sum(columns, kept))
            work.latest_ms = max(work.latest_ms, int(times_ms[kept].max()))


def _unusable(times_ms: npt.NDArray[np.int64], horizon_ms: int) -> dict[int, str]:
    """Positions of points whose time cannot be, with the reason."""
    if times_ms.min() > 0 and times_ms.max() <= horizon_ms:
        return {}
    missing = dict.fromkeys(np.flatnonzero(times_ms <= 0).tolist(), _NO_TIME)
    return missing | dict.fromkeys(np.flatnonzero(times_ms > horizon_ms).tolist(), _FUTURE)


def _advance(
    samples: Samples, series: Series, columns: _Columns, position: int, values: npt.NDArray[np.float64]
) -> str:
    """Move a counter on: its start, and its totals if it comes as deltas; a reason if the point cannot be taken."""
    metric = columns.metric
    if metric.kind in _WITHOUT_START:
        return ""
    start_ns, end_ns = columns.starts_ns[position], columns.times_ns[position]
    is_first = series.totals is None
    if metric.is_delta and position not in columns.ended:
        totals = accumulated(series, end_ns, values[position])
        if totals is None:
            return _REPEATED_DELTA
        values[position] = totals
    if start_ns != series.start_ns and (is_first or not metric.is_delta):
        series.start_ns = start_ns
        if 0 < start_ns < end_ns:
            _begin(samples, series, start_ns, end_ns)
    return ""


def _begin(samples: Samples, series: Series, start_ns: int, end_ns: int) -> None:
    """A counter whose start is known was zero then: the first point's whole value happened since.

    The zero stands at least a little more than a second before the point, because the store lets a sample replace the
    one that it follows within a second.

    Source: OpenTelemetry metrics data model, "Cumulative streams: handling unknown start time", and Prometheus'
    created timestamps.
    """
    count = len(series.refs)
    zero_ms = min(start_ns // _NS_PER_MS, end_ns // _NS_PER_MS - _KEPT_APART_MS)
    samples.add(series.refs, np.full(count, zero_ms), np.zeros(count))


def _has_no_sum(columns: _Columns, kept: list[int]) -> npt.NDArray[np.bool_] | None:
    """bool[kept point]: which histogram points came without a sum; None if all have one."""
    if not isinstance(columns, Histograms):
        return None
    absent = np.isnan(columns.sums)
    absent[columns.ended] = False
    return absent[kept] if absent.any() else None


def _add(
    samples: Samples,
    all_series: list[Series],
    times_ms: npt.NDArray[np.int64],
    values: npt.NDArray[np.float64],
    has_no_sum: npt.NDArray[np.bool_] | None,
) -> None:
    """Append points (int64[point], float64[point, series]) as flat columns."""
    width = values.shape[1]
    if width == 1:
        samples.add(np.array([series.first for series in all_series], np.int64), times_ms, values[:, 0])
        return
    refs = np.concatenate([series.refs for series in all_series])
    times = np.repeat(times_ms, width)
    flat = values.reshape(-1)
    if has_no_sum is not None:
        is_present = np.ones(values.shape, np.bool_)
        is_present[has_no_sum, -2] = False
        present = is_present.reshape(-1)
        refs, times, flat = refs[present], times[present], flat[present]
    samples.add(refs, times, flat)
