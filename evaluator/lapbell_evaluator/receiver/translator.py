"""Columns of points become samples under Prometheus' names.

An export goes down three levels, each looked up by the bytes as sent, so that what was seen before is decoded no more:

    resource            -> _Source   the target (job, instance), `target_info`
    metric and bounds   -> Family    the Prometheus names of its k series: 1 for a gauge, b + 3 for b bounds
    point's attributes  -> Series    int64[k] refs into the store, and what must outlive the export: the start of a
                                     counter, the totals of deltas

All points of one metric then become one float64[point, k] matrix (`_emit`): row i is point i, column j the j-th name of
the family. Rows of points that can't be taken are left out before anything is appended; nothing is cut in half.

One translator serves all gates and is used by one thread, so nothing here is locked.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from lapbell_evaluator.model import Batch, Histogram
from lapbell_evaluator.receiver.attributes import MOST_KEY_BYTES, attribute_pairs, size_of
from lapbell_evaluator.receiver.counters import began, moved
from lapbell_evaluator.receiver.delta import accumulated_histogram
from lapbell_evaluator.receiver.exemplars import exemplars_of
from lapbell_evaluator.receiver.exponential import MOST_BUCKETS
from lapbell_evaluator.receiver.families import Family, Recovered, Registry, Series, SeriesNames
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.names import Kind
from lapbell_evaluator.receiver.points import (
    AttributesKey,
    Columns,
    Exponentials,
    Histograms,
    Metric,
    MetricsExport,
    Numbers,
    Scope,
    Summaries,
)
from lapbell_evaluator.receiver.presence import Presence
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.resource import INSTANCE, JOB, Target, target_of
from lapbell_evaluator.receiver.samples import milliseconds
from lapbell_evaluator.receiver.sender_clocks import FAR_AHEAD, SenderClocks
from lapbell_evaluator.receiver.translated import Translated
from lapbell_evaluator.receiver.translation import Translation
from lapbell_evaluator.series import OVERFLOW_REF, stale_marker

__all__ = ["Translator"]

_MS_PER_S: Final = 1000
_SOURCES_KEPT: Final = 10_000
_KEPT_BYTES: Final = 64 * 1024 * 1024
_RESOURCE_TOO_LARGE: Final = "points of a resource whose attributes are too large"
_SCOPE_TOO_LARGE: Final = "points of an instrumentation scope whose name or attributes are too large"
_TOO_MANY_BUCKETS: Final = f"histogram points with more than {MOST_BUCKETS} buckets"
_UNORDERED_BOUNDS: Final = "histogram points whose bounds do not ascend"
_WRONG_COUNT: Final = "histogram points whose buckets do not add up to their count"
_NAME_TOO_LONG: Final = "points of a metric whose name is too long"
_OF_ANOTHER: Final = (
    "points of a series that another metric, scope or resource of the same export becomes as well: name metrics or "
    "attributes apart, or give each process a service.instance.id of its own"
)
_NO_TEMPORALITY: Final = "points of which it is not said whether they are deltas or cumulative"
_NO_TIME: Final = "points without a time"
_FUTURE: Final = "points from the future"
_SHOWN: Final = 100
_NS_PER_MS: Final = 1_000_000

_FamilyKey = tuple[Metric, bytes | tuple[float, ...]]


@dataclass(slots=True)
class _Source:
    """A resource that has sent before."""

    target: Target
    info: Series | None
    families: dict[_FamilyKey, Family] = field(default_factory=dict)
    scopes: dict[bytes | tuple[str, str], Presence] = field(default_factory=dict)


class Translator:
    """Turns exports into samples.

    Args:
        registry: the store, as far as names go.
        limits: see `Limits`.
        promote: resource attributes that every series of the sender carries as labels.
        recovered: the last sample of a series before a restart, from which deltas go on.
        utf8: whether names keep their dots.
        clocks: of the senders.
    """

    def __init__(
        self,
        registry: Registry,
        limits: Limits,
        promote: frozenset[str] = frozenset(),
        *,
        recovered: Recovered | None = None,
        utf8: bool = False,
        clocks: SenderClocks | None = None,
    ) -> None:
        self._names = SeriesNames(registry, limits, recovered, utf8=utf8)
        self._future_ms = int(limits.future_s * _MS_PER_S)
        self._name_chars = limits.label_value_chars
        self._clocks = clocks or SenderClocks()
        self._promote = promote
        self._utf8 = utf8
        self._sources: dict[AttributesKey, _Source] = {}
        self._kept_bytes = 0
        self._next_owner = 1

    def translate(self, export: MetricsExport, now: float) -> Translated:
        """The samples of an export that arrived at `now` (Unix seconds).

        Points that break a rule are left out and counted by reason in `Translated.rejected`; nothing is raised.
        `target_info` is 1 at the time of the newest point of its resource.
        """
        now_ms = int(now * _MS_PER_S)
        work = Translation(export, now_ms + self._future_ms, self._next_owner)
        for sender in export.sources:
            if size_of(sender.resource) > MOST_KEY_BYTES:
                export.reject(_RESOURCE_TOO_LARGE, _points_in(sender.scopes))
                continue
            source = self._source(sender.resource)
            if not self._begins(work, source, sender.scopes, now_ms):
                continue
            latest_ms = 0
            for scope in sender.scopes:
                if size_of((scope.key,)) > MOST_KEY_BYTES:
                    export.reject(_SCOPE_TOO_LARGE, _points_in([scope]))
                    continue
                work.begin_scope(source.target, scope.key)
                for columns in scope.columns:
                    work.begin_metric(columns.metric)
                    self._add(work, source, columns)
                work.note_presence(source.scopes.setdefault(scope.key, Presence()))
                latest_ms = max(latest_ms, work.latest_ms)
            if latest_ms:
                self._add_info(work, source, latest_ms)
        self._next_owner = work.next_owner
        return work.translated()

    def renewed(self, batch: Batch, gone: npt.NDArray[np.int64]) -> Batch:
        """The samples at the positions `gone` (int64[k]), whose series the store had let go, with new refs."""
        refs = batch.refs[gone].tolist()
        new = self._names.renew(refs)
        return Batch(np.array([new[ref] for ref in refs], np.int64), batch.times_ms[gone], batch.values[gone])

    def _begins(self, work: Translation, source: _Source, scopes: Sequence[Scope], now_ms: int) -> bool:
        """Shift what follows by what the sender's clock is off; False, with everything rejected, if it is far ahead."""
        newest_ms = _newest_ms(scopes)
        if newest_ms is None:
            return True
        own = dict(source.target.own)
        job, instance = own.get(JOB, ""), own.get(INSTANCE, "")
        shift_ms = self._clocks.shift_ms(job, instance, newest_ms, now_ms)
        if shift_ms is None:
            work.export.reject(FAR_AHEAD, _points_in(scopes))
            ahead_s = (newest_ms - now_ms) // _MS_PER_S
            work.remarks.append(f"the clock of {job[:_SHOWN]!r}, instance {instance[:_SHOWN]!r} is {ahead_s} s ahead")
            return False
        work.begin_sender(shift_ms)
        return True

    def _source(self, resource: AttributesKey) -> _Source:
        source = self._sources.get(resource)
        if source is None:
            self._kept_bytes += size_of(resource)
            if len(self._sources) >= _SOURCES_KEPT or self._kept_bytes > _KEPT_BYTES:
                self._sources.clear()
                self._kept_bytes = 0
            try:
                pairs = attribute_pairs(resource)
            except DecodeError as error:
                raise Refusal(Reason.UNDECODABLE, f"An attribute of a resource is no protobuf: {error}.") from None
            target = target_of(pairs, self._promote, utf8=self._utf8)
            info = None if target.info is None else self._names.single(target.info)
            source = self._sources[resource] = _Source(target, info)
        return source

    def _add_info(self, work: Translation, source: _Source, latest_ms: int) -> None:
        if source.info is None or source.target.info is None:
            return
        if source.info.refusal or source.info.is_cut:
            source.info = self._names.single(source.target.info)
        if not source.info.refusal:
            work.samples.add(source.info.refs, np.array([latest_ms]), np.ones(1))

    def _add(self, work: Translation, source: _Source, columns: Columns) -> None:
        if not columns.times_ns:
            return  # a metric without points is nothing to remember
        refusal = self._refusal_of(columns)
        if refusal:
            work.export.reject(refusal, len(columns.times_ns))
            return
        match columns:
            case Numbers():
                family = self._family(source, columns.metric)
                self._emit(work, family, columns, np.array(columns.values, np.float64)[:, None])
            case Histograms() if misfits := columns.misfits():
                work.export.reject(_WRONG_COUNT, len(misfits))
                self._add(work, source, columns.without(misfits))
            case Histograms():
                family = self._family(source, columns.metric, columns.bounds)
                self._emit(work, family, columns, columns.cumulated())
            case Exponentials():
                self._add_exponentials(work, self._family(source, columns.metric), columns)
            case Summaries():
                self._add_summaries(work, source, columns)

    def _refusal_of(self, columns: Columns) -> str:
        """Why none of a metric's points can be taken, empty if they can."""
        if len(columns.metric.name) > self._name_chars:
            return _NAME_TOO_LONG
        if not columns.metric.has_temporality:
            return _NO_TEMPORALITY
        if isinstance(columns, Histograms):
            if len(columns.bounds) > MOST_BUCKETS:
                return _TOO_MANY_BUCKETS
            return "" if columns.has_ascending_bounds else _UNORDERED_BOUNDS
        return ""

    def _family(self, source: _Source, metric: Metric, bounds: npt.NDArray[np.float64] | None = None) -> Family:
        key = (metric, b"" if bounds is None else bounds.tobytes())
        family = source.families.get(key)
        if family is None:
            family = source.families[key] = self._names.family(source.target, metric, bounds)
        return family

    def _add_summaries(self, work: Translation, source: _Source, columns: Summaries) -> None:
        by_quantiles: dict[tuple[float, ...], list[int]] = {}
        for position, of_point in enumerate(columns.quantiles):
            by_quantiles.setdefault(tuple(at for at, _ in of_point), []).append(position)
        for quantiles, positions in by_quantiles.items():
            family = source.families.get((columns.metric, quantiles))
            if family is None:
                family = self._names.summary(source.target, columns.metric, quantiles)
                source.families[columns.metric, quantiles] = family
            alike = columns.only(positions)
            self._emit(work, family, alike, alike.matrix())

    def _emit(self, work: Translation, family: Family, columns: Columns, values: npt.NDArray[np.float64]) -> None:
        """Append the samples of one metric's points.

        Args:
            work: the export.
            family: of the metric.
            columns: its points.
            values: float64[point, k], k series per point; deltas in it are replaced by totals.
        """
        if not len(values):
            return
        # A point without a recorded value ends all of its series at its time.
        values[columns.ended] = stale_marker()
        times_ms = milliseconds(columns.times_ns)
        all_series: list[Series] = []
        positions: list[int] = []
        for position, series in self._usable(work, family, columns, times_ms):
            move = moved(series, columns, position, values)  # writes totals into values[position]
            if move.refusal:
                work.export.reject(move.refusal)
            if move.zero_ms is not None:
                count = len(series.refs)
                work.zeros.add(series.refs, np.full(count, move.zero_ms), np.zeros(count))
            if move.is_stored:
                all_series.append(series)
                positions.append(position)
        if positions:
            work.note(family, times_ms[positions])
            if columns.metric.kind is Kind.GAUGE:
                work.gauges += [
                    series for at, series in zip(positions, all_series, strict=True) if at not in columns.ended
                ]
            elif columns.metric.is_delta:
                work.deltas += all_series
            refs = [series.refs for series in all_series]
            has_no_sum = columns.has_no_sum(positions) if isinstance(columns, Histograms) else None
            work.samples.add_points(refs, times_ms[positions], values[positions], has_no_sum)

    def _add_exponentials(self, work: Translation, family: Family, columns: Exponentials) -> None:
        if not columns.histograms:
            return
        times_ms = milliseconds(columns.times_ns)
        for position, series in self._usable(work, family, columns, times_ms):
            histogram: Histogram | None = columns.histograms[position]
            if position in columns.ended:
                histogram = Histogram(0, 0, float(stale_marker()[0]))
            elif columns.metric.is_delta:
                start_ns, end_ns = columns.starts_ns[position], columns.times_ns[position]
                histogram = accumulated_histogram(series, start_ns, end_ns, columns.histograms[position])
            if histogram is None:
                continue
            zero_ms = began(series, columns, position)
            if zero_ms is not None:
                zero = Histogram(histogram.schema, 0, 0)
                work.add_histogram(series, zero_ms, zero, is_start=True)
            work.add_histogram(series, int(times_ms[position]), histogram)
            work.note(family, times_ms[position : position + 1])

    def _usable(
        self, work: Translation, family: Family, columns: Columns, times_ms: npt.NDArray[np.int64]
    ) -> Sequence[tuple[int, Series]]:
        """Positions and series of the points that can be taken, in the order sent; the others are counted.

        The exemplars of the points that are taken are appended to `work`.
        """
        impossible = _impossible(times_ms, work.horizon_ms)
        usable: list[tuple[int, Series]] = []
        by_attributes, owner = family.by_attributes, work.owner
        for position, key in enumerate(columns.attributes):
            series = by_attributes.get(key) or self._names.find(family, key)
            if series.is_cut:
                series = self._found_again(work, family, key, times_ms[position : position + 1])
            refusal = series.refusal or impossible.get(position)
            if series.owner != owner and not refusal:
                # Each metric of a scope has a number of its own in each export; a lower one is of an earlier export.
                refusal = _OF_ANOTHER if series.owner >= work.first_owner else ""
            if refusal:
                work.export.reject(refusal)
            else:
                series.owner = owner
                usable.append((position, series))
        if not isinstance(columns, Summaries) and columns.exemplars:
            work.add_exemplars(exemplars_of(columns, dict(usable), work.horizon_ms))
        return usable

    def _found_again(
        self, work: Translation, family: Family, key: AttributesKey, time_ms: npt.NDArray[np.int64]
    ) -> Series:
        """The series of attributes of which the store has let some go; the others end where it has no room yet."""
        cut = family.by_attributes.pop(key)
        series = self._names.find(family, key)
        if series.refusal:
            left = cut.refs[cut.refs != OVERFLOW_REF]
            work.samples.add(left, np.repeat(time_ms, len(left)), np.repeat(stale_marker(), len(left)))
        return series


def _impossible(times_ms: npt.NDArray[np.int64], horizon_ms: int) -> dict[int, str]:
    """Positions of points whose time cannot be, with the reason; empty, after two passes of numpy, almost always."""
    if times_ms.min() > 0 and times_ms.max() <= horizon_ms:
        return {}
    missing = dict.fromkeys(np.flatnonzero(times_ms <= 0).tolist(), _NO_TIME)
    return missing | dict.fromkeys(np.flatnonzero(times_ms > horizon_ms).tolist(), _FUTURE)


def _newest_ms(scopes: Iterable[Scope]) -> int | None:
    """When most metrics of a sender were measured last: a single metric may have times of its own."""
    newest_ns = sorted(columns.times_ns[-1] for scope in scopes for columns in scope.columns if columns.times_ns)
    return newest_ns[(len(newest_ns) - 1) // 2] // _NS_PER_MS if newest_ns else None


def _points_in(scopes: Iterable[Scope]) -> int:
    return sum(len(columns.times_ns) for scope in scopes for columns in scope.columns)
