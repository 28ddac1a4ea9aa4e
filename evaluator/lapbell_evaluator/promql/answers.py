"""From the arrays of an evaluation to what a querier answers."""

from collections.abc import Mapping, Sequence

import numpy as np

from lapbell_evaluator.model import Histogram, Labels, QueryResult, RangeResult, RangeSeries, Sample, ValueKind
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.evaluator import Evaluator
from lapbell_evaluator.promql.merging import merged
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors.range_vector import RangeVector, histograms_within
from lapbell_evaluator.promql.selectors.window import Window
from lapbell_evaluator.promql.syntax.ast import MatrixSelector, Subquery
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.value import Scalar, Text, Value, Vector
from lapbell_evaluator.series import is_stale

__all__ = ["each_answer", "instant_answer", "joined_answer", "matrix_answer", "range_answer"]


def instant_answer(run: Run, value: Value, kind: ValueKind) -> QueryResult:
    """The answer to an instant query."""
    warnings, infos = _texts(run.annotations)
    now = int(run.times[0]) / 1000
    match value:
        case Text(value=text):
            return QueryResult((), warnings, infos, kind, text=text)
        case Scalar(values=values):
            return QueryResult((Sample((), now, float(values[0])),), warnings, infos, kind)
        case Vector():
            vector = _finished(value)
            rows = np.flatnonzero(vector.present[0]).tolist()
            labels = vector.table.rows() if len(rows) * 4 > vector.table.size else _some_rows(vector, rows)
            return QueryResult(_samples_at(vector, 0, now, rows, labels), warnings, infos, kind)


def each_answer(run: Run, value: Value, kind: ValueKind) -> tuple[QueryResult, ...]:
    """The answers to an instant query at each of the steps."""
    warnings, infos = _texts(run.annotations)
    seconds = (run.times / 1000).tolist()
    match value:
        case Text(value=text):
            return (QueryResult((), warnings, infos, kind, text=text),) * run.steps
        case Scalar(values=values):
            samples = ((Sample((), now, one),) for now, one in zip(seconds, values.tolist(), strict=True))
            return tuple([QueryResult(one, warnings, infos, kind) for one in samples])
        case Vector():
            vector = _finished(value)
            run.budget.spend(int(vector.present.sum()))
            labels = vector.table.rows() if vector.present.any() else ()
            rows = [np.flatnonzero(present).tolist() for present in vector.present]
            found = (_samples_at(vector, step, now, rows[step], labels) for step, now in enumerate(seconds))
            return tuple([QueryResult(one, warnings, infos, kind) for one in found])


def _samples_at(
    vector: Vector, step: int, now: float, rows: list[int], labels: Sequence[Labels] | Mapping[int, Labels]
) -> tuple[Sample, ...]:
    if not rows:
        return ()
    numbers = vector.values[step].tolist()
    own = [_histogram(vector, step, row) for row in rows]
    return tuple(
        [
            Sample(labels[row], now, float("nan") if one is not None else numbers[row], one)
            for row, one in zip(rows, own, strict=True)
        ]
    )


def _some_rows(vector: Vector, rows: list[int]) -> dict[int, tuple[tuple[str, str], ...]]:
    """Labels of a few rows of a large table, without making all of them."""
    few = vector.table.take(np.array(rows, np.int64)).rows()
    return dict(zip(rows, few, strict=True))


def _finished(vector: Vector) -> Vector:
    """Names dropped; series that are the same then made one."""
    return merged(Vector(vector.table.without_dropped_names(), vector.values, vector.present, vector.histograms))


def _histogram(vector: Vector, step: int, row: int) -> Histogram | None:
    if vector.histograms is None:
        return None
    one = vector.histograms[step, row]
    return one if isinstance(one, Histogram) else None


def range_answer(run: Run, value: Value, kind: ValueKind) -> RangeResult:
    """The answer to a range query.

    Raises:
        PromqlError: the expression is a string.
    """
    seconds = (run.times / 1000).tolist()
    match value:
        case Text():
            raise PromqlError(
                f"invalid expression type {kind.value!r} for range query, must be scalar or instant vector"
            )
        case Scalar(values=values):
            series = (RangeSeries((), tuple(zip(seconds, values.tolist(), strict=True))),)
            return RangeResult(series, *_texts(run.annotations))
        case Vector():
            vector = _finished(value)
            run.budget.spend(int(vector.present.sum()))
            labels = vector.table.rows()
            rows = [
                _range_series(vector, row, labels[row], seconds)
                for row in run.budget.counted(np.flatnonzero(vector.present.any(axis=0)).tolist())
            ]
            return RangeResult(tuple(sorted(rows, key=lambda one: one.labels)), *_texts(run.annotations))


def joined_answer(first: RangeResult, second: RangeResult) -> RangeResult:
    """The answers of two pieces of a range query, the second of which begins where the first ends."""
    by_labels = {one.labels: one for one in first.series}
    for one in second.series:
        before = by_labels.get(one.labels)
        if before is None:
            by_labels[one.labels] = one
        else:
            histograms = before.histograms + one.histograms
            by_labels[one.labels] = RangeSeries(one.labels, before.points + one.points, histograms)
    series = tuple(sorted(by_labels.values(), key=lambda one: one.labels))
    warnings = tuple(dict.fromkeys(first.warnings + second.warnings))
    return RangeResult(series, warnings, tuple(dict.fromkeys(first.infos + second.infos)))


def _range_series(vector: Vector, row: int, labels: tuple[tuple[str, str], ...], seconds: list[float]) -> RangeSeries:
    steps = np.flatnonzero(vector.present[:, row]).tolist()
    values = vector.values[:, row].tolist()
    if vector.histograms is None:
        return RangeSeries(labels, tuple((seconds[step], values[step]) for step in steps))
    own = {step: one for step in steps if (one := _histogram(vector, step, row)) is not None}
    floats = tuple((seconds[step], values[step]) for step in steps if step not in own)
    return RangeSeries(labels, floats, tuple((seconds[step], one) for step, one in own.items()))


def matrix_answer(run: Run, node: MatrixSelector | Subquery) -> QueryResult:
    """The samples of a range, as an instant query for a range selector gives them."""
    with Evaluator(run).ranges(node) as ranges:
        series = _samples_of(run, ranges)
    return QueryResult(
        (), *_texts(run.annotations), ValueKind.MATRIX, tuple(sorted(series, key=lambda one: one.labels))
    )


def _samples_of(run: Run, ranges: RangeVector) -> list[RangeSeries]:
    labels = ranges.table.rows()
    series = []
    row = 0
    for window in ranges.windows:
        for column in range(window.frame.size):
            points = _floats_of(window, column)
            run.budget.spend(1 + len(points))
            histograms = ranges.histograms.get(row)
            own = (
                ()
                if histograms is None
                else tuple(
                    (time / 1000, one)
                    for time, one in histograms_within(histograms, int(ranges.after_ms[0]), int(ranges.until_ms[0]))
                )
            )
            if points or own:
                series.append(RangeSeries(labels[row], points, own))
            row += 1
    return series


def _floats_of(window: Window, column: int) -> tuple[tuple[float, float], ...]:
    first, end = int(window.first[0, column]), int(window.end[0, column])
    times = window.frame.times(first, end)[:, column]
    values = np.ascontiguousarray(window.frame.values(first, end)[:, column])
    is_live = ~is_stale(values)
    return tuple(zip((times[is_live] / 1000).tolist(), values[is_live].tolist(), strict=True))


def _texts(annotations: Annotations) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(annotations.warnings), tuple(annotations.infos)
