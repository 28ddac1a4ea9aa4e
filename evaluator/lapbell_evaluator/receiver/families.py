"""Which series a metric's points belong to, found by the attributes as sent."""

from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from lapbell_evaluator.model import METRIC_NAME, Labels, labels
from lapbell_evaluator.receiver.attributes import attribute_pairs, float_text
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.names import Kind, metric_name
from lapbell_evaluator.receiver.points import AttributesKey, Metric
from lapbell_evaluator.receiver.resource import Target, merged

__all__ = ["Family", "Interner", "Series", "SeriesNames"]

_NO_NAME: Final = "metrics whose name has no usable character"
_TOO_MANY_LABELS: Final = "points with too many labels"
_LABEL_TOO_LONG: Final = "points with a label that is too long"
_FORMS_PER_SERIES: Final = 8
_TOO_MANY_SERIES: Final = "points of new series beyond the limit"


_Names = tuple[tuple[tuple[str, str], ...], ...]


class Interner(Protocol):
    """Gives series their numbers."""

    def intern(self, labels: Labels) -> int:
        """The number of a series, not negative; the same labels always get the same number."""
        ...


@dataclass(slots=True)
class Series:
    """The series of one set of attributes: one of a number, several of a histogram.

    Attributes:
        refs: int64[k], as interned; empty if these attributes are refused.
        refusal: why they are.
        start_ns: when the counter in them began, 0 while unknown.
        totals: float64[k], what deltas have summed up to so far.
        last_ns: end of the last delta.
    """

    refs: npt.NDArray[np.int64]
    refusal: str = ""
    start_ns: int = 0
    totals: npt.NDArray[np.float64] | None = None
    last_ns: int = 0

    @property
    def first(self) -> int:
        """The only ref of a number."""
        return int(self.refs[0])


@dataclass(slots=True)
class Family:
    """All series of one metric of one sender.

    Attributes:
        target: the sender.
        names: `__name__` and further labels of each series of one set of attributes.
        metrics: the different `__name__`s among them.
        by_attributes: series by the attributes as sent; the same attributes in another order lead to the same series.
    """

    target: Target
    names: _Names
    metrics: frozenset[str]
    by_attributes: dict[AttributesKey, Series] = field(default_factory=dict)


@dataclass(slots=True)
class SeriesNames:
    """Names series and has them interned, within the limits.

    Attributes:
        interner: who numbers them.
        limits: see `Limits`.
        utf8: whether names keep their dots.
        known: series by their first ref.
    """

    interner: Interner
    limits: Limits
    utf8: bool = False
    known: dict[int, Series] = field(default_factory=dict)
    interned: int = 0

    def family(self, target: Target, metric: Metric, bounds: npt.NDArray[np.float64] | None = None) -> Family:
        """The family of a metric; `bounds` (float64[b], without +Inf) for a histogram."""
        name = metric_name(metric.name, metric.unit, metric.kind, utf8=self.utf8)
        if bounds is None:
            return _family(target, name, (((METRIC_NAME, name),),))
        uppers = [*(float_text(bound) for bound in bounds.tolist()), "+Inf"]
        buckets = tuple(((METRIC_NAME, f"{name}_bucket"), ("le", upper)) for upper in uppers)
        return _family(target, name, (*buckets, *_sum_and_count(name)))

    def summary(self, target: Target, metric: Metric, quantiles: tuple[float, ...]) -> Family:
        """The family of a summary with these quantiles."""
        name = metric_name(metric.name, metric.unit, Kind.SUMMARY, utf8=self.utf8)
        of_quantiles = tuple(((METRIC_NAME, name), ("quantile", float_text(at))) for at in quantiles)
        return _family(target, name, (*of_quantiles, *_sum_and_count(name)))

    def find(self, family: Family, key: AttributesKey) -> Series:
        """The series of attributes that were not seen in this form before."""
        base = merged(attribute_pairs(key), utf8=self.utf8) | dict(family.target.own)
        refusal = self._refusal(family, base)
        if refusal:
            return Series(np.empty(0, np.int64), refusal)  # not kept: what is refused must not fill memory
        series = self._interned(family, base)
        if len(family.by_attributes) > _FORMS_PER_SERIES * len(self.known):
            family.by_attributes.clear()
        family.by_attributes[key] = series
        return series

    def single(self, of: Labels) -> int:
        """The ref of one series that belongs to no metric of the sender."""
        return self.interner.intern(of)

    def _interned(self, family: Family, base: dict[str, str]) -> Series:
        refs = np.array([self.interner.intern(labels(base | dict(name))) for name in family.names], np.int64)
        series = self.known.get(int(refs[0]))
        if series is None or len(series.refs) != len(refs):
            series = self.known[int(refs[0])] = Series(refs)
            self.interned += len(refs)
        return series

    def _refusal(self, family: Family, base: dict[str, str]) -> str:
        limits = self.limits
        if not family.names:
            return _NO_NAME
        if len(base) + len(family.names[0]) > limits.label_count:
            return _TOO_MANY_LABELS
        if any(len(k) > limits.label_name_chars or len(v) > limits.label_value_chars for k, v in base.items()):
            return _LABEL_TOO_LONG
        return _TOO_MANY_SERIES if self.interned + len(family.names) > limits.series else ""


def _family(target: Target, name: str, names: _Names) -> Family:
    """A family without series where the metric has no usable name."""
    usable = names if name else ()
    return Family(target, usable, frozenset(pairs[0][1] for pairs in usable))


def _sum_and_count(name: str) -> _Names:
    return ((METRIC_NAME, f"{name}_sum"),), ((METRIC_NAME, f"{name}_count"),)
