"""The newest sample behind each series of a value: what arrived last when the value came to be what it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from lapbell_evaluator.model import Labels, RawSample
from lapbell_evaluator.promql.aggregation.groups import groups_of
from lapbell_evaluator.promql.evaluator import Evaluator
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors.instant import sample_times
from lapbell_evaluator.promql.selectors.subquery import moments_of
from lapbell_evaluator.promql.syntax.ast import Call, Expr, MatrixSelector, Subquery, VectorSelector
from lapbell_evaluator.promql.syntax.tree import children
from lapbell_evaluator.promql.value import Vector
from lapbell_evaluator.series import LabelTable
from lapbell_evaluator.series.arrays import Ints

__all__ = ["origins"]

_OF_ABSENCE: Final = frozenset({"absent", "absent_over_time"})
_MANY: Final = 4
_Newest = dict[Labels, RawSample]


def origins(run: Run, expr: Expr, series: Sequence[Labels]) -> tuple[RawSample | None, ...]:
    """The newest raw sample that each series of a value was made from.

    A raw series counts for a series of the value if that has all its labels, those aside that no series of the value
    has: an aggregation left them out. Where none counts, one does that agrees in every label that both have: an `or` of
    several aggregations makes such values. What functions wrote into labels is not followed back.

    Args:
        run: one step, that of the value.
        expr: what was asked.
        series: labels as the answer has them.

    Returns:
        One for each of `series`; None where `expr` reads no sample, or only asks whether there is none.
    """
    sources = list(_sources(run, expr))
    newest: list[RawSample | None] = [None] * len(series)
    _note(sources, series, range(len(series)), newest)
    shapes: dict[tuple[str, ...], list[int]] = {}
    for place, labels in enumerate(series):
        if newest[place] is None:
            shapes.setdefault(tuple([name for name, _ in labels]), []).append(place)
    for places in shapes.values():
        _note(sources, series, places, newest)
    return tuple(newest)


def _note(
    sources: Sequence[Vector], series: Sequence[Labels], places: Sequence[int], newest: list[RawSample | None]
) -> None:
    """Note the newest samples of the series at some places, by the labels that any of these has."""
    names = tuple(sorted({name for place in places for name, _ in series[place]}))
    for times in sources:
        for shape, newest_of in _by_shape(times, names).items():
            _match(series, places, shape, newest_of, newest)


def _sources(run: Run, expr: Expr) -> Iterator[Vector]:
    """For each selector within, the time of the newest sample that it read of each series, float64[1, series]."""
    match expr:
        case VectorSelector():
            yield sample_times(run, expr)
        case MatrixSelector():
            plain = replace(expr, is_anchored=False)
            yield Evaluator(run).vector(Call("ts_of_last_over_time", (plain,)))
        case Subquery(expr=inner):
            moments = moments_of(run, expr)
            if len(moments):
                yield from _sources(run.at(moments[-1:]), inner)
        case Call(function=function) if function in _OF_ABSENCE:
            return
        case _:
            for inner in children(expr):
                yield from _sources(run, inner)


def _by_shape(times: Vector, names: tuple[str, ...]) -> dict[tuple[str, ...], _Newest]:
    """The newest sample of each group of series, by the names of the labels that the group has."""
    groups = groups_of(times.table, names, without=False)
    seconds = np.where(times.present[0], times.values[0], -np.inf)
    last = np.lexsort((seconds, groups.ids))[groups.starts + groups.counts - 1]
    present = times.present[0][last]
    rows = last[present]
    own = _labels(times.table, rows)
    keys = own if times.table.columns.keys() <= set(names) else _labels(groups.table, np.flatnonzero(present))
    samples = dict(zip(keys, map(RawSample, own, seconds[rows].tolist()), strict=True))
    whole = tuple(name for name in names if name in times.table.columns)
    if all(len(key) == len(whole) for key in samples):
        return {whole: samples}
    by_shape: dict[tuple[str, ...], _Newest] = {}
    for key, sample in samples.items():
        by_shape.setdefault(tuple([name for name, _ in key]), {})[key] = sample
    return by_shape


def _labels(table: LabelTable, rows: Ints) -> list[Labels]:
    """Labels of some rows, names that an answer drops included."""
    if len(rows) * _MANY < table.size:
        return table.take(rows).full_rows()
    every = table.full_rows()
    return [every[row] for row in rows.tolist()]


def _match(
    series: Sequence[Labels],
    places: Sequence[int],
    shape: tuple[str, ...],
    newest_of: Mapping[Labels, RawSample],
    newest: list[RawSample | None],
) -> None:
    """Note the sample of the group whose labels a series has, if it is newer than what was found before."""
    wanted = frozenset(shape)
    for place in places:
        labels = series[place]
        own = labels if len(labels) == len(wanted) else tuple([pair for pair in labels if pair[0] in wanted])
        sample = newest_of.get(own)
        previous = newest[place]
        if sample is not None and (previous is None or sample.time > previous.time):
            newest[place] = sample
