"""Aggregations that give one series per group."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.promql.aggregation.groups import Groups
from lapbell_evaluator.promql.floats.quantiles import sorted_quantile
from lapbell_evaluator.promql.floats.sums import mean_of_large
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series.arrays import Bools, Floats

__all__ = ["aggregate_floats", "quantiles"]

FloatAggregation = Callable[[Groups, Floats, Bools], Floats]
"""From groups, values and presence to float64[step, group]; means nothing where a group has no value."""


def aggregate_floats(op: str, groups: Groups, vector: Vector) -> tuple[Floats, Bools]:
    """One value per group and step from the floats of a vector, and where there is one."""
    present = vector.floats_present
    with np.errstate(all="ignore"):
        return FLOAT_AGGREGATIONS[op](groups, vector.values, present), groups.present(present)


def _sum(groups: Groups, values: Floats, present: Bools) -> Floats:
    total, lost = groups.sums(values, present)
    return total + lost


def _avg(groups: Groups, values: Floats, present: Bools) -> Floats:
    total, lost = groups.sums(values, present)
    count = groups.count(present)
    mean = total / count + lost / count
    for step, group in zip(*np.nonzero(np.isinf(total)), strict=True):
        rows = groups.order[groups.starts[group] : groups.starts[group] + groups.counts[group]]
        mean[step, group] = mean_of_large(values[step, rows[present[step, rows]]])
    return mean


def _min(groups: Groups, values: Floats, present: Bools) -> Floats:
    return groups.reduced(np.fmin, np.where(present, values, np.nan))


def _max(groups: Groups, values: Floats, present: Bools) -> Floats:
    return groups.reduced(np.fmax, np.where(present, values, np.nan))


def _count(groups: Groups, values: Floats, present: Bools) -> Floats:
    del values
    return groups.count(present).astype(np.float64)


def _group(groups: Groups, values: Floats, present: Bools) -> Floats:
    del present
    return np.ones((len(values), groups.size))


def _variance(groups: Groups, values: Floats, present: Bools) -> Floats:
    """Welford's recurrence in the order of rows. Source: Prometheus 3.14, `aggregation`, STDVAR."""
    variance = np.zeros((len(values), groups.size))
    padded = groups.padded()
    for step in range(len(values)):
        cells = np.append(values[step], 0.0)[padded]
        counted = np.append(present[step], False)[padded]
        mean, square, seen = (np.zeros(groups.size) for _ in range(3))
        for row, inside in zip(cells, counted, strict=True):
            seen += inside
            delta = row - mean
            new_mean = mean + delta / np.maximum(seen, 1)
            new_square = square + delta * (row - new_mean)
            mean, square = np.where(inside, new_mean, mean), np.where(inside, new_square, square)
        variance[step] = square / seen
    return variance


def _deviation(groups: Groups, values: Floats, present: Bools) -> Floats:
    return np.sqrt(_variance(groups, values, present))


def quantiles(groups: Groups, vector: Vector, quantile: Floats) -> tuple[Floats, Bools]:
    """The quantile of each group; `quantile` is float64[step]."""
    present = vector.floats_present
    values = np.full((len(present), groups.size), np.nan)
    padded = groups.padded()
    for step in range(len(present)):
        cells = np.append(vector.values[step], 0.0)[padded]
        inside = np.append(present[step], False)[padded]
        values[step] = sorted_quantile(float(quantile[step]), cells, inside, inside.sum(axis=0))
    return values, groups.present(present)


FLOAT_AGGREGATIONS: Final[dict[str, FloatAggregation]] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
    "group": _group,
    "stddev": _deviation,
    "stdvar": _variance,
}
