"""`histogram_quantile` and `histogram_fraction` of bucket series: which series make one histogram."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lapbell_evaluator.promql.buckets import monotonic
from lapbell_evaluator.promql.value import Bools, Floats, Ints, Vector
from lapbell_evaluator.series import LabelTable

__all__ = ["BucketPlan", "bucket_plan", "of_buckets"]

_BUCKET_LABEL = "le"

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


def of_buckets(vector: Vector, function: FromBuckets, *, mends: bool, on_raised: Callable[[int], None]) -> Vector:
    """One value per histogram and step.

    Args:
        vector: bucket series.
        function: from buckets to the value.
        mends: whether counts are made monotonic first.
        on_raised: told the histogram whose counts really fell.
    """
    plan = bucket_plan(vector.table)
    steps = len(vector.values)
    values = np.full((steps, plan.table.size), np.nan)
    present = np.zeros((steps, plan.table.size), np.bool_)
    is_bucket = vector.floats_present & ~np.isnan(plan.bounds)
    for step in range(steps):
        for shape in plan.shapes:
            _of_shape(step, shape, vector, is_bucket, values, present, function, mends, on_raised)
        for group in plan.irregular:
            rows = np.flatnonzero((plan.ids == group) & is_bucket[step])
            if len(rows):
                bounds, counts = _coalesced(plan.bounds[rows], vector.values[step, rows])
                value = _valued(step, bounds, counts[None, :], np.array([group]), function, mends, on_raised)
                values[step, group], present[step, group] = value[0], True
    return Vector(plan.table, values, present)


def _of_shape(
    step: int,
    shape: Shape,
    vector: Vector,
    is_bucket: Bools,
    values: Floats,
    present: Bools,
    function: FromBuckets,
    mends: bool,
    on_raised: Callable[[int], None],
) -> None:
    there = is_bucket[step, shape.rows]
    is_whole = there.all(axis=1)
    counts = vector.values[step, shape.rows]
    groups = shape.groups[is_whole]
    if len(groups):
        own = counts if len(groups) == len(counts) else counts[is_whole]
        values[step, groups] = _valued(step, shape.bounds, own, groups, function, mends, on_raised)
        present[step, groups] = True
    for at in np.flatnonzero(~is_whole & there.any(axis=1)).tolist():
        kept = there[at]
        value = _valued(
            step, shape.bounds[kept], counts[at : at + 1, kept], shape.groups[at : at + 1], function, mends, on_raised
        )
        values[step, shape.groups[at]], present[step, shape.groups[at]] = value[0], True


def _valued(
    step: int,
    bounds: Floats,
    counts: Floats,
    groups: Ints,
    function: FromBuckets,
    mends: bool,
    on_raised: Callable[[int], None],
) -> Floats:
    if mends and np.isposinf(bounds[-1]):
        fixed, raised = monotonic(counts)
        for at in np.flatnonzero(raised.any(axis=1)).tolist():
            on_raised(int(groups[at]))
        counts = fixed
    return function(step, bounds, counts)


def _coalesced(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets of the same bound added up."""
    distinct, inverse = np.unique(bounds, return_inverse=True)
    return distinct, np.bincount(inverse, weights=counts, minlength=len(distinct))
