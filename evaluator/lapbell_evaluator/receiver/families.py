"""Which series a metric's points belong to, found by the attributes as sent."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from lapbell_evaluator.model import METRIC_NAME, Histogram, Labels, labels
from lapbell_evaluator.receiver.attributes import attribute_pairs, float_text
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.names import VOCABULARY, Kind, metric_name
from lapbell_evaluator.receiver.points import AttributesKey, Metric
from lapbell_evaluator.receiver.resource import Target, merged
from lapbell_evaluator.series import OVERFLOW_REF, Metadata

__all__ = ["Family", "Recovered", "Registry", "Series", "SeriesNames"]

_BROKEN_ATTRIBUTE: Final = "points with an attribute that is no protobuf"
_NO_NAME: Final = "metrics whose name has no usable character"
_TOO_MANY_LABELS: Final = "points with too many labels"
_LABEL_TOO_LONG: Final = "points with a label that is too long"
_TOO_MANY_SERIES: Final = "points of new series beyond series.limit, series.limit_per_metric or the share of their job"
_NS_PER_MS: Final = 1_000_000
_MOVES_KEPT: Final = 100_000
_FORMS_PER_SERIES: Final = 8

Recovered = Callable[[Labels], tuple[int, float] | None]
"""The last sample of a series before a restart: Unix milliseconds and value; None if there is none."""

_Names = tuple[tuple[tuple[str, str], ...], ...]

_TYPES: Final = {
    Kind.GAUGE: "gauge",
    Kind.UP_DOWN_COUNTER: "gauge",
    Kind.COUNTER: "counter",
    Kind.HISTOGRAM: "histogram",
    Kind.EXPONENTIAL: "histogram",
    Kind.SUMMARY: "summary",
}


class Registry(Protocol):
    """Gives series their refs, and remembers what metrics are."""

    def intern(self, labels: Labels) -> int:
        """The ref of a series, never negative; `OVERFLOW_REF` beyond the store's limit."""
        ...

    def describe(self, metric: str, metadata: Metadata) -> None:
        """Say what a metric is, by its Prometheus name without suffixes of series."""
        ...


@dataclass(slots=True)
class Series:
    """The series of one set of attributes: one of a number, several of a histogram.

    Attributes:
        labels: of each.
        refs: int64[k], as interned; empty if these attributes are refused.
        refusal: why they are.
        start_ns: when the newest run of the counter in them began, 0 while unknown.
        earlier_starts: of runs before.
        totals: float64[k], what deltas have summed up to so far.
        histogram: the same for an exponential histogram.
        counted: start and end of the last deltas; None while there was none.
        counted_until_ns: deltas that end until then were counted before a restart.
        last_ns: Unix nanoseconds of the newest point of a counter.
        seen: the collection it last came with, see `Presence`; 0 while it is not expected.
        carried_ms: when its total was last repeated.
        is_cut: the store has let some of them go and has no room for them.
        owner: the number of the metric that its newest points are of, see `Translation`.
    """

    labels: tuple[Labels, ...]
    refs: npt.NDArray[np.int64]
    refusal: str = ""
    start_ns: int = 0
    earlier_starts: tuple[int, ...] = ()
    totals: npt.NDArray[np.float64] | None = None
    histogram: Histogram | None = None
    counted: deque[tuple[int, int]] | None = None
    counted_until_ns: int = 0
    last_ns: int = 0
    seen: int = 0
    carried_ms: int = 0
    is_cut: bool = False
    owner: int = 0

    @property
    def first(self) -> int:
        """The ref of a number."""
        return int(self.refs[0])


@dataclass(slots=True)
class Family:
    """All series of one metric of one sender.

    Attributes:
        target: the sender.
        names: `__name__` and further labels of each series of one set of attributes.
        metrics: the different `__name__`s among them.
        is_delta: its points are changes.
        utf8: its names keep their dots.
        by_attributes: series by the attributes as sent; the same attributes in another order lead to the same series.
    """

    target: Target
    names: _Names
    metrics: frozenset[str]
    is_delta: bool = False
    utf8: bool = False
    by_attributes: dict[AttributesKey, Series] = field(default_factory=dict)


class SeriesNames:
    """Names series and has them interned, within the limits.

    Args:
        registry: who numbers them.
        limits: see `Limits`.
        recovered: the last sample of a series before a restart.
        utf8: whether names keep their dots, those of our own vocabulary aside.
    """

    def __init__(
        self, registry: Registry, limits: Limits, recovered: Recovered | None = None, *, utf8: bool = False
    ) -> None:
        self._registry = registry
        self._recovered = recovered
        self._limits = limits
        self._utf8 = utf8
        self._by_ref: dict[int, Series] = {}
        self._moved: dict[int, int] = {}

    def family(self, target: Target, metric: Metric, bounds: npt.NDArray[np.float64] | None = None) -> Family:
        """The family of a metric; `bounds` (float64[b], without +Inf) for a histogram that has them."""
        name = metric_name(metric.name, metric.unit, metric.kind, utf8=self._keeps_dots(metric))
        if bounds is None:
            return self._family(target, metric, name, (((METRIC_NAME, name),),))
        uppers = [*(float_text(bound) for bound in bounds.tolist()), "+Inf"]
        buckets = tuple(((METRIC_NAME, f"{name}_bucket"), ("le", upper)) for upper in uppers)
        return self._family(target, metric, name, (*buckets, *_sum_and_count(name)))

    def summary(self, target: Target, metric: Metric, quantiles: tuple[float, ...]) -> Family:
        """The family of a summary with these quantiles."""
        name = metric_name(metric.name, metric.unit, metric.kind, utf8=self._keeps_dots(metric))
        of_quantiles = tuple(((METRIC_NAME, name), ("quantile", float_text(at))) for at in quantiles)
        return self._family(target, metric, name, (*of_quantiles, *_sum_and_count(name)))

    def find(self, family: Family, key: AttributesKey) -> Series:
        """The series of attributes that were not seen in this form before.

        What is refused is not kept: it must not fill memory.
        """
        if len(key) > self._limits.label_count:
            return _refused(_TOO_MANY_LABELS)
        try:
            pairs = attribute_pairs(key)
        except DecodeError:
            return _refused(_BROKEN_ATTRIBUTE)
        base = merged(pairs, utf8=family.utf8) | dict(family.target.own)
        refusal = self._refusal(family, base)
        if refusal:
            return _refused(refusal)
        series = self._interned([labels(base | dict(name)) for name in family.names])
        if series.refusal:
            return series
        if family.is_delta and series.totals is None:
            self._recover(series)
        if len(family.by_attributes) > _FORMS_PER_SERIES * len(self._by_ref):
            family.by_attributes.clear()
        family.by_attributes[key] = series
        return series

    def single(self, of: Labels) -> Series:
        """A series that belongs to no metric of the sender."""
        return self._interned([of])

    def renew(self, refs: Iterable[int]) -> dict[int, int]:
        """New refs for series that the store has let go; `OVERFLOW_REF` where it has no room any more.

        One export may ask several times for one series, so what was renewed last is remembered.
        """
        distinct = set(refs)
        for ref in distinct:
            series = self._by_ref.get(ref)
            if series is not None:
                self._move(series)
        return {ref: self._moved.get(ref, OVERFLOW_REF) for ref in distinct}

    def _move(self, series: Series) -> None:
        if len(self._moved) > _MOVES_KEPT:
            self._moved.clear()
        for position, old in enumerate(series.refs.tolist()):
            self._by_ref.pop(old, None)
            self._moved[old] = series.refs[position] = self._registry.intern(series.labels[position])
        series.is_cut = OVERFLOW_REF in series.refs
        self._by_ref.update(dict.fromkeys(series.refs[series.refs != OVERFLOW_REF].tolist(), series))

    def _recover(self, series: Series) -> None:
        """Let deltas go on from the totals before a restart; what ended until then has been counted."""
        recovered = [self._recovered(own) for own in series.labels] if self._recovered is not None else []
        samples = [sample for sample in recovered if sample is not None]
        if samples and len(samples) == len(series.labels):
            series.totals = np.array([value for _, value in samples])
            series.last_ns = series.counted_until_ns = (max(time for time, _ in samples) + 1) * _NS_PER_MS - 1
            series.start_ns = 1  # it began long ago: no zero is to be put before the next delta

    def _interned(self, all_labels: list[Labels]) -> Series:
        refs: list[int] = []
        for own in all_labels:
            refs.append(self._registry.intern(own))
            if refs[-1] == OVERFLOW_REF:
                return _refused(_TOO_MANY_SERIES)
        series = self._by_ref.get(refs[0])
        if series is None or series.refs.tolist() != refs:
            series = Series(tuple(all_labels), np.array(refs, np.int64))
            for ref in refs:
                self._by_ref[ref] = series
        return series

    def _family(self, target: Target, metric: Metric, name: str, names: _Names) -> Family:
        """A family; without series where the metric has no usable name."""
        usable = names if name else ()
        if usable:
            self._registry.describe(name, Metadata(_TYPES[metric.kind], metric.unit, metric.description))
        metrics = frozenset(pairs[0][1] for pairs in usable)
        return Family(target, usable, metrics, metric.is_delta, self._keeps_dots(metric))

    def _keeps_dots(self, metric: Metric) -> bool:
        return self._utf8 and metric.name not in VOCABULARY

    def _refusal(self, family: Family, base: dict[str, str]) -> str:
        limits = self._limits
        if not family.names:
            return _NO_NAME
        if len(base) + len(family.names[0]) > limits.label_count:
            return _TOO_MANY_LABELS
        longest_name, longest_value = max(map(len, base), default=0), max(map(len, base.values()), default=0)
        if longest_name > limits.label_name_chars or longest_value > limits.label_value_chars:
            return _LABEL_TOO_LONG
        return ""


def _refused(refusal: str) -> Series:
    return Series((), np.empty(0, np.int64), refusal)


def _sum_and_count(name: str) -> _Names:
    return ((METRIC_NAME, f"{name}_sum"),), ((METRIC_NAME, f"{name}_count"),)
