"""Binary operators where a side is a native histogram."""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.model import CounterHint, Histogram
from lapbell_evaluator.promql.histograms.trimming import trimmed
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.syntax.ast import Binary
from lapbell_evaluator.promql.value import Vector, is_object
from lapbell_evaluator.series.arrays import Bools, Floats, Ints, Objects
from lapbell_evaluator.series.native import (
    IncompatibleSchemasError,
    added,
    compacted,
    divided,
    multiplied,
    subtracted,
    with_hint,
)
from lapbell_evaluator.series.native_comparison import equal

__all__ = ["with_histograms", "with_histograms_and_scalar"]

_Outcome = tuple[Histogram | None, bool]
"""The resulting histogram, and whether there is a result."""

_Side = tuple[Vector, Ints]


def with_histograms_and_scalar(
    run: Run, node: Binary, vector: Vector, numbers: Floats, result: Vector, *, is_swapped: bool
) -> Vector:
    """`result`, which knows the floats only, with the histograms of `vector` added."""
    if node.op in _TRIMS and bool(vector.floats_present.any()):
        _incompatible(run, node, None, None)
    present, values = result.present.copy(), result.values
    histograms: Objects = np.full(present.shape, None, np.object_)
    for step, row in run.budget.counted(zip(*np.nonzero(vector.has_histogram), strict=True)):
        one = vector.histograms[step, row] if vector.histograms is not None else None
        left, right = (None, one) if is_swapped else (one, None)
        outcome, holds = _of_pair(run, node, left, right, float(numbers[step]))
        if node.returns_bool and node.is_comparison:
            continue
        histograms[step, row], present[step, row] = outcome, holds
    return Vector(result.table, values, present, histograms)


def with_histograms(
    run: Run, node: Binary, left: _Side, right: _Side, result: Vector, paired: Bools, other: Floats
) -> Vector:
    """`result`, which took every value for a float, with the pairs that have histograms done right.

    Args:
        run: for annotations.
        node: the operator.
        left: the left side and its rows of each pair.
        right: the right side likewise.
        result: of the floats; float64[step, pair].
        paired: bool[step, pair], where both sides have a value.
        other: float64[step, pair], floats of the right side.
    """
    present, values = result.present.copy(), result.values.copy()
    histograms: Objects = np.full(present.shape, None, np.object_)
    of_left, of_right = _objects(*left), _objects(*right)
    touched = paired & (is_object(of_left) | is_object(of_right))
    if node.op in _TRIMS and bool((paired & ~touched).any()):
        _incompatible(run, node, None, None)
    first = left[0].values[:, left[1]]
    for step, pair in run.budget.counted(zip(*np.nonzero(touched), strict=True)):
        one, two = of_left[step, pair], of_right[step, pair]
        number = float(other[step, pair] if two is None else first[step, pair])
        outcome, holds = _of_pair(run, node, one, two, number)
        is_known = not (outcome is None and not holds and not _is_comparable(one, two, node))
        if node.is_comparison and node.returns_bool:
            present[step, pair], values[step, pair] = is_known, float(holds)
        else:
            histograms[step, pair], present[step, pair] = outcome, holds
    return Vector(result.table, values, present, histograms)


def _is_comparable(one: Histogram | None, two: Histogram | None, node: Binary) -> bool:
    return one is not None and two is not None and node.op in ("==", "!=")


def _objects(side: Vector, rows: Ints) -> Objects:
    if side.histograms is None:
        return np.full((len(side.values), len(rows)), None, np.object_)
    taken: Objects = side.histograms[:, rows].copy()
    taken[(rows < 0)[None, :] | ~side.present[:, rows]] = None
    return taken


def _of_pair(run: Run, node: Binary, left: Histogram | None, right: Histogram | None, number: float) -> _Outcome:
    """The result for one pair; `number` stands for the side that is no histogram."""
    if left is not None and right is not None:
        function = _BOTH.get(node.op)
        if function is not None:
            return function(run, node, left, right)
    elif left is not None and node.op in _WITH_NUMBER:
        return _WITH_NUMBER[node.op](left, number), True
    elif right is not None and node.op == "*":
        return compacted(multiplied(right, number)), True
    _incompatible(run, node, left, right)
    return None, False


def _incompatible(run: Run, node: Binary, left: Histogram | None, right: Histogram | None) -> None:
    names = ["float" if side is None else "histogram" for side in (left, right)]
    run.annotations.incompatible_types(names[0], node.op, names[1], node.position)


def _sum(run: Run, node: Binary, left: Histogram, right: Histogram) -> _Outcome:
    try:
        combined = added(left, right)
    except IncompatibleSchemasError:
        run.annotations.warn(f"incompatible bucket layout encountered for binary operator {node.op}", node.position)
        return None, False
    if combined.hints_collide:
        run.annotations.hints_collide("addition", node.position)
    if combined.bounds_reconciled:
        run.annotations.bounds_reconciled("addition", node.position)
    return compacted(combined.histogram), True


def _difference(run: Run, node: Binary, left: Histogram, right: Histogram) -> _Outcome:
    try:
        combined = subtracted(left, right)
    except IncompatibleSchemasError:
        run.annotations.warn(f"incompatible bucket layout encountered for binary operator {node.op}", node.position)
        return None, False
    if combined.hints_collide:
        run.annotations.hints_collide("subtraction", node.position)
    if combined.bounds_reconciled:
        run.annotations.bounds_reconciled("subtraction", node.position)
    return compacted(with_hint(combined.histogram, CounterHint.GAUGE)), True


def _same(run: Run, node: Binary, left: Histogram, right: Histogram) -> _Outcome:
    del run, node
    return left, equal(left, right)


def _differs(run: Run, node: Binary, left: Histogram, right: Histogram) -> _Outcome:
    del run, node
    return left, not equal(left, right)


_BOTH: Final[dict[str, Callable[[Run, Binary, Histogram, Histogram], _Outcome]]] = {
    "+": _sum,
    "-": _difference,
    "==": _same,
    "!=": _differs,
}

_TRIMS: Final = frozenset({"</", ">/"})

_WITH_NUMBER: Final[dict[str, Callable[[Histogram, float], Histogram]]] = {
    "*": lambda histogram, number: compacted(multiplied(histogram, number)),
    "/": lambda histogram, number: compacted(divided(histogram, number)),
    "</": lambda histogram, number: trimmed(histogram, number, is_upper=True),
    ">/": lambda histogram, number: trimmed(histogram, number, is_upper=False),
}
