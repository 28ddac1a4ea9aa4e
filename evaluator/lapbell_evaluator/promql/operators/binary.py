"""Binary operators and signs on values of any kind."""

import numpy as np

from lapbell_evaluator.promql.floats.operators import ARITHMETIC, COMPARING
from lapbell_evaluator.promql.merging import merged
from lapbell_evaluator.promql.operators.histograms import with_histograms, with_histograms_and_scalar
from lapbell_evaluator.promql.operators.joins import pairs_of, set_operation
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.syntax.ast import Binary
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.matching import Cardinality, Matching
from lapbell_evaluator.promql.value import Scalar, Text, Value, Vector, empty_vector
from lapbell_evaluator.series.arrays import Bools, Floats, Ints
from lapbell_evaluator.series.native import multiplied

__all__ = ["binary", "negated"]


def negated(value: Value) -> Value:
    """The value with its sign turned."""
    match value:
        case Scalar(values=values):
            return Scalar(-values)
        case Vector(table=table, values=values, present=present, histograms=histograms):
            turned = None
            if histograms is not None:
                turned = np.frompyfunc(lambda one: None if one is None else multiplied(one, -1.0), 1, 1)(histograms)
            return Vector(table.dropping_name(), -values, present, turned)
        case Text():
            raise TypeError("a string has no sign")


def binary(run: Run, node: Binary, left: Value, right: Value) -> Value:
    """What an operator makes of its two sides."""
    with np.errstate(all="ignore"):
        if isinstance(left, Scalar) and isinstance(right, Scalar):
            return Scalar(_scalars(node, left.values, right.values))
        if isinstance(left, Vector) and isinstance(right, Scalar):
            return _with_scalar(run, node, left, right.values, is_swapped=False)
        if isinstance(left, Scalar) and isinstance(right, Vector):
            return _with_scalar(run, node, right, left.values, is_swapped=True)
        if isinstance(left, Vector) and isinstance(right, Vector):
            return _vectors(run, node, left, right)
    raise TypeError(f"{node.op} has no strings")


def _scalars(node: Binary, left: Floats, right: Floats) -> Floats:
    if node.is_comparison:
        return COMPARING[node.op](left, right).astype(np.float64)
    if node.op not in ARITHMETIC:
        reason = f'operator "{node.op}" not allowed for Scalar operations'
        raise PromqlError(reason, remedy="Its left side is a native histogram.")
    return ARITHMETIC[node.op](left, right)


def _with_scalar(run: Run, node: Binary, vector: Vector, numbers: Floats, *, is_swapped: bool) -> Vector:
    column = numbers[:, None]
    one, other = (column, vector.values) if is_swapped else (vector.values, column)
    table = vector.table
    if node.op in ARITHMETIC or node.returns_bool:
        table = table.dropping_name()
    present = vector.floats_present
    if node.op in ARITHMETIC:
        result = Vector(table, ARITHMETIC[node.op](one, other), present)
    elif not node.is_comparison:
        result = Vector(table, vector.values, np.zeros_like(present))
    elif node.returns_bool:
        result = Vector(table, COMPARING[node.op](one, other).astype(np.float64), present)
    else:
        result = Vector(table, vector.values, present & COMPARING[node.op](one, other))
    if vector.histograms is None and node.op not in ("</", ">/"):
        return result
    return with_histograms_and_scalar(run, node, vector, numbers, result, is_swapped=is_swapped)


def _vectors(run: Run, node: Binary, left: Vector, right: Vector) -> Vector:
    matching = node.matching or Matching()
    if node.is_set_operator:
        return set_operation(node, left, right, matching)
    is_filled = matching.fill_left is not None or matching.fill_right is not None
    if not (left.table.size and right.table.size) and not is_filled:
        return empty_vector(len(left.present))
    is_swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    many, one = (right, left) if is_swapped else (left, right)
    is_possible = _both_present(left, right, matching)
    many, one = _where(many, is_possible), _where(one, is_possible)
    pairs = pairs_of(run, node, many, one, matching)
    # As in Prometheus, `fill_left` speaks for the many side and `fill_right` for the one side, also with `group_right`.
    of_many = _values(many, pairs.many, matching.fill_left)
    of_one = _values(one, pairs.one, matching.fill_right)
    first, second = (of_one, of_many) if is_swapped else (of_many, of_one)
    result = _paired(node, Vector(pairs.table, first, pairs.present), second)
    if many.histograms is None and one.histograms is None and node.op not in ("</", ">/"):
        return merged_pairs(result)
    of_left, of_right = (pairs.one, pairs.many) if is_swapped else (pairs.many, pairs.one)
    return merged_pairs(with_histograms(run, node, (left, of_left), (right, of_right), result, pairs.present, second))


def merged_pairs(result: Vector) -> Vector:
    """The result with equal label sets of different steps made one series."""
    grouping = result.table.memo("merging", result.table.group_all)
    return result if grouping.table.size >= result.table.size else merged(result)


def _both_present(left: Vector, right: Vector, matching: Matching) -> Bools:
    """bool[step]: where a match is possible: both sides have a series, or a fill makes up for one."""
    has_left, has_right = left.present.any(axis=1), right.present.any(axis=1)
    if matching.fill_left is None and matching.fill_right is None:
        return np.logical_and(has_left, has_right)
    return np.logical_or(has_left, has_right)


def _where(vector: Vector, steps: Bools) -> Vector:
    if bool(steps.all()):
        return vector
    return Vector(vector.table, vector.values, vector.present & steps[:, None], vector.histograms)


def _values(side: Vector, rows: Ints, fill: float | None) -> Floats:
    if fill is None:
        return side.values[:, rows]
    if not side.table.size:
        return np.full((len(side.values), len(rows)), fill)
    return np.where(rows < 0, fill, side.values[:, rows])


def _paired(node: Binary, left: Vector, right: Floats) -> Vector:
    if node.op in ARITHMETIC:
        return Vector(left.table, ARITHMETIC[node.op](left.values, right), left.present)
    if not node.is_comparison:
        return Vector(left.table, left.values, np.zeros_like(left.present))
    holds = COMPARING[node.op](left.values, right)
    if node.returns_bool:
        return Vector(left.table, holds.astype(np.float64), left.present)
    return Vector(left.table, left.values, left.present & holds)
