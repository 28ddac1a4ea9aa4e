"""`histogram_quantile` and `histogram_fraction` of bucket series: which series make one histogram.

Histograms that share their bounds, as all of one instrumentation do, make a `Shape`: a matrix of row numbers,
int64[histogram, bucket]. Indexing a step's values with it gives the counts of all of them, float64[histogram, bucket],
and one call computes all quantiles. The plan depends on labels alone and is kept with the label table. Only histograms
that lack a bucket at a step, or have two series of one bound, are computed one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from lapbell_evaluator.promql.histograms.classic_buckets import monotonic
from lapbell_evaluator.promql.run import Budget
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import LabelTable
from lapbell_evaluator.series.arrays import Bools, Floats, Ints

__all__ = ["BucketPlan", "OfBuckets", "bucket_plan"]

_BUCKET_LABEL: Final = "le"

FromBuckets = Callable[[int, Floats, Floats], Floats]
"""From a step's number, bounds and counts to one value per histogram."""


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Histograms that share their bounds.

    Attributes:
        groups: int64[histogram], rows of the plan's table.
        bounds: float64[bucket], ascending, distinct.
        rows: int64[histogram, bucket], rows of the bucket series.
    """

    groups: Ints
    bounds: Floats
    rows: Ints


@dataclass(frozen=True, slots=True, eq=False)
class BucketPlan:
    """How a table of bucket series divides into histograms.

    Attributes:
        table: labels of the histograms, without `le`.
        ids: int64[row], the histogram of each series.
        bounds: float64[row], NaN where `le` is missing or no number.
        shapes: histograms whose series have distinct bounds, by bounds.
        irregular: histograms, as rows of `table`, that have two series of the same bound.
    """

    table: LabelTable
    ids: Ints
    bounds: Floats
    shapes: tuple[Shape, ...]
    irregular: tuple[int, ...]


def bucket_plan(table: LabelTable) -> BucketPlan:
    """The plan for a table; made once."""
    return table.memo("bucket_plan", lambda: _make_plan(table))


def _make_plan(table: LabelTable) -> BucketPlan:
    bounds = np.array([_bound(text) for text in table.texts(_BUCKET_LABEL)], np.float64)
    grouping = table.group((_BUCKET_LABEL,), without=True)
    usable = np.flatnonzero(~np.isnan(bounds))
    order = usable[np.lexsort((bounds[usable], grouping.ids[usable]))]
    ids = grouping.ids[order]
    cuts = np.flatnonzero(ids[1:] != ids[:-1]) + 1
    edges = np.concatenate([[0], cuts, [len(ids)]]) if len(ids) else np.zeros(1, np.int64)
    by_bounds: dict[bytes, list[Ints]] = {}
    irregular: list[int] = []
    for start, stop in pairwise(edges.tolist()):
        rows = order[start:stop]
        own = bounds[rows]
        if (own[1:] == own[:-1]).any():
            irregular.append(int(ids[start]))
        else:
            by_bounds.setdefault(own.tobytes(), []).append(rows)
    shapes = tuple(
        Shape(grouping.ids[np.stack(rows)[:, 0]], np.frombuffer(key, np.float64), np.stack(rows))
        for key, rows in by_bounds.items()
    )
    return BucketPlan(grouping.table, grouping.ids, bounds, shapes, tuple(irregular))


def _bound(text: str) -> float:
    try:
        return float(text) if text and "_" not in text else np.nan
    except ValueError:
        return np.nan


@dataclass(frozen=True, slots=True)
class OfBuckets:
    """A function of classic histograms.

    Attributes:
        function: from buckets to the value.
        mends: whether counts are made monotonic first.
        on_raised: told the histogram whose counts really fell.
        budget: what is left.
    """

    function: FromBuckets
    mends: bool
    on_raised: Callable[[int], None]
    budget: Budget

    def __call__(self, vector: Vector) -> Vector:
        """One value per histogram and step, of bucket series."""
        plan = bucket_plan(vector.table)
        steps = len(vector.values)
        values = np.full((steps, plan.table.size), np.nan)
        present = np.zeros((steps, plan.table.size), np.bool_)
        is_bucket = vector.floats_present & ~np.isnan(plan.bounds)
        for step in range(steps):
            for shape in plan.shapes:
                self.budget.spend(len(shape.rows))
                self._of_shape(step, shape, (vector.values[step], is_bucket[step]), (values[step], present[step]))
            for group in plan.irregular:
                self.budget.spend(len(plan.ids))
                rows = np.flatnonzero((plan.ids == group) & is_bucket[step])
                if len(rows):
                    bounds, counts = _coalesced(plan.bounds[rows], vector.values[step, rows])
                    value = self._valued(step, bounds, counts[None, :], np.array([group]))
                    values[step, group], present[step, group] = value[0], True
        return Vector(plan.table, values, present)

    def _of_shape(self, step: int, shape: Shape, source: tuple[Floats, Bools], target: tuple[Floats, Bools]) -> None:
        """Histograms of one shape at one step: whole ones together, those that lack buckets one by one."""
        values, present = target
        has_bucket = source[1][shape.rows]
        is_whole = has_bucket.all(axis=1)
        counts = source[0][shape.rows]
        groups = shape.groups[is_whole]
        if len(groups):
            own = counts if len(groups) == len(counts) else counts[is_whole]
            values[groups] = self._valued(step, shape.bounds, own, groups)
            present[groups] = True
        for at in np.flatnonzero(~is_whole & has_bucket.any(axis=1)).tolist():
            inside, group = has_bucket[at], shape.groups[at : at + 1]
            values[group] = self._valued(step, shape.bounds[inside], counts[at : at + 1, inside], group)
            present[group] = True

    def _valued(self, step: int, bounds: Floats, counts: Floats, groups: Ints) -> Floats:
        if self.mends and np.isposinf(bounds[-1]):
            counts, raised = monotonic(counts)
            for at in np.flatnonzero(raised.any(axis=1)).tolist():
                self.on_raised(int(groups[at]))
        return self.function(step, bounds, counts)


def _coalesced(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets of the same bound added up."""
    distinct, inverse = np.unique(bounds, return_inverse=True)
    total: Floats = np.bincount(inverse, weights=counts, minlength=len(distinct)).astype(np.float64)
    return distinct, total
