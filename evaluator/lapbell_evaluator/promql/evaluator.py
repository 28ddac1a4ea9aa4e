"""Evaluates a tree: one method per kind of node, all steps at once."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np

from lapbell_evaluator.promql.absence import absent, absent_labels
from lapbell_evaluator.promql.aggregating import Aggregating
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.calculating import binary, negated
from lapbell_evaluator.promql.errors import PromqlError
from lapbell_evaluator.promql.histogram_functions import HISTOGRAM_FUNCTIONS
from lapbell_evaluator.promql.instant_functions import OF_FLOAT, OF_TIME
from lapbell_evaluator.promql.label_functions import label_join, label_replace, sorted_by_labels, sorted_by_value
from lapbell_evaluator.promql.operators import larger, smaller
from lapbell_evaluator.promql.range_calls import range_call
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors import instant_vector, range_vector, sample_times
from lapbell_evaluator.promql.subqueries import subquery
from lapbell_evaluator.promql.tree import walk
from lapbell_evaluator.promql.value import Floats, Scalar, Text, Value, Vector
from lapbell_evaluator.series import LabelTable

__all__ = ["Evaluator"]

_SORTING: Final = frozenset({"sort", "sort_desc", "sort_by_label", "sort_by_label_desc"})
_SHARED: Final = (VectorSelector, Call, Aggregate, Binary)
_REMEMBERED: Final = 10_000


class Evaluator:
    """Evaluates expressions within one run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def value(self, node: Expr) -> Value:
        """The value of an expression at all steps.

        Raises:
            PromqlError: there is no such value.
            QueryLimitError: it costs too much.
        """
        self.run.budget.spend(0)
        shared = self.run.shared
        if shared is None or not isinstance(node, _SHARED):
            return self._fresh(node)
        key = (node, self.run.times.tobytes())
        kept = shared.get(key)
        if kept is not None and (kept[1] is node or not kept[2]):
            self.run.annotations.merge(kept[2])
            return kept[0]
        own = Annotations()
        value = Evaluator(self.run.noting(own))._fresh(node)  # noqa: SLF001 - the same class
        self.run.annotations.merge(own)
        if not _depends_on_query(node):
            shared[key] = (value, node, own)
        return value

    def _fresh(self, node: Expr) -> Value:
        match node:
            case Number(value=number):
                return Scalar(np.full(self.run.steps, number))
            case String(value=text):
                return Text(text)
            case VectorSelector():
                return instant_vector(self.run, node)
            case Paren(expr=inner):
                return self.value(inner)
            case Unary(op=op, expr=inner):
                return self.value(inner) if op == "+" else negated(self.value(inner))
            case Binary(left=left, right=right):
                return binary(self.run, node, self.value(left), self.value(right))
            case Aggregate():
                return self._aggregate(node)
            case Call():
                return self._call(node)
            case MatrixSelector() | Subquery():
                raise PromqlError("a range vector has no value of its own", node.position.line, node.position.column)

    def vector(self, node: Expr) -> Vector:
        """The value of an expression that the checks found to be a vector."""
        value = self.value(node)
        if not isinstance(value, Vector):
            raise TypeError(f"{node} is no vector")
        return value

    def scalar(self, node: Expr) -> Floats:
        """The value of an expression that the checks found to be a scalar, float64[step]."""
        value = self.value(node)
        if not isinstance(value, Scalar):
            raise TypeError(f"{node} is no scalar")
        return value.values

    def text(self, node: Expr) -> str:
        """The value of an expression that the checks found to be a string."""
        value = self.value(node)
        if not isinstance(value, Text):
            raise TypeError(f"{node} is no string")
        return value.value

    def _aggregate(self, node: Aggregate) -> Vector:
        param = None if node.param is None else self.value(node.param)
        return Aggregating(self.run, node).value(self.vector(_unwrapped(node.expr)), param)

    def _call(self, node: Call) -> Value:
        args = tuple(_unwrapped(arg) for arg in node.args)
        special = _SPECIAL.get(node.function)
        if special is not None:
            return special(self, node, args)
        selector = next((arg for arg in args if isinstance(arg, MatrixSelector | Subquery)), None)
        if selector is not None:
            return self._range_call(node, args, selector)
        if node.function in HISTOGRAM_FUNCTIONS:
            return HISTOGRAM_FUNCTIONS[node.function](self, node, args)
        function = OF_FLOAT.get(node.function) or OF_TIME[node.function]
        if not args:
            seconds = np.floor(self.run.times / 1000)[:, None]
            return Vector(LabelTable(1, {}), function(seconds), np.ones((self.run.steps, 1), np.bool_))
        return _of_floats(self.vector(args[0]), function)

    def _range_call(self, node: Call, args: tuple[Expr, ...], selector: MatrixSelector | Subquery) -> Vector:
        scalars = tuple(self.scalar(arg) for arg in args if arg is not selector)
        if isinstance(selector, Subquery):
            ranges = subquery(self.run, selector, self._inner_vector)
        else:
            ranges = range_vector(self.run, selector)
        return range_call(self.run, node, ranges, scalars, selector)

    @staticmethod
    def _inner_vector(run: Run, node: Expr) -> Vector:
        return Evaluator(run).vector(node)


def _unwrapped(node: Expr) -> Expr:
    while isinstance(node, Paren):
        node = node.expr
    return node


@lru_cache(_REMEMBERED)
def _depends_on_query(node: Expr) -> bool:
    """Whether the value depends on more than its own times: the query's ends and step."""
    if "(" not in str(node):
        return False
    return any(isinstance(inner, Call) and inner.function in _OF_QUERY for inner in walk(node)) or "()" in str(node)


_OF_QUERY: Final = frozenset({"start", "end", "step", "range"})


def _of_floats(vector: Vector, function: Callable[[Floats], Floats]) -> Vector:
    """A function of each float; histograms have no value then."""
    with np.errstate(all="ignore"):
        values = function(vector.values)
    return Vector(vector.table.dropping_name(), values, vector.floats_present)


def _time(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    del node, args
    return Scalar(evaluator.run.times / 1000)


def _constant(value: Callable[[Run], float]) -> Callable[[Evaluator, Call, tuple[Expr, ...]], Value]:
    def special(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
        del node, args
        return Scalar(np.full(evaluator.run.steps, value(evaluator.run)))

    return special


def _vector(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    values = evaluator.scalar(args[0])
    return Vector(LabelTable(1, {}), values[:, None].copy(), np.ones((len(values), 1), np.bool_))


def _scalar(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    vector = evaluator.vector(args[0])
    present = vector.floats_present
    total = np.where(present, vector.values, 0.0).sum(axis=1)
    return Scalar(np.where(present.sum(axis=1) == 1, total, np.nan))


def _timestamp(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    if isinstance(args[0], VectorSelector):
        times = sample_times(evaluator.run, args[0])
        return Vector(times.table.dropping_name(), times.values, times.present)
    vector = evaluator.vector(args[0])
    values = np.repeat(evaluator.run.times[:, None] / 1000, vector.table.size, axis=1)
    return Vector(vector.table.dropping_name(), values, vector.present)


def _clamp(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    vector = evaluator.vector(args[0])
    bounds = [evaluator.scalar(arg)[:, None] for arg in args[1:]]
    infinite = np.full((evaluator.run.steps, 1), np.inf)
    match node.function:
        case "clamp_min":
            low, high = bounds[0], infinite
        case "clamp_max":
            low, high = -infinite, bounds[0]
        case _:
            low, high = bounds
    values = larger(low, smaller(high, vector.values))
    return Vector(vector.table.dropping_name(), values, vector.floats_present & ~(high < low))


def _round(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    vector = evaluator.vector(args[0])
    nearest = evaluator.scalar(args[1])[:, None] if len(args) > 1 else np.ones((evaluator.run.steps, 1))
    with np.errstate(all="ignore"):
        inverse = 1.0 / nearest
        return _of_floats(vector, lambda values: np.floor(values * inverse + 0.5) / inverse)


def _choice(function: Callable[[Floats, Floats], Floats]) -> Callable[[Evaluator, Call, tuple[Expr, ...]], Value]:
    def special(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
        del node
        return Scalar(function(evaluator.scalar(args[0]), evaluator.scalar(args[1])))

    return special


def _absent(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    del node
    return absent(evaluator.vector(args[0]).present, absent_labels(args[0]))


def _replace(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    texts = [evaluator.text(arg) for arg in args[1:]]
    return label_replace(node, evaluator.vector(args[0]), *texts)


def _join(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    texts = [evaluator.text(arg) for arg in args[1:]]
    return label_join(node, evaluator.vector(args[0]), texts[0], texts[1], texts[2:])


def _sorted(evaluator: Evaluator, node: Call, args: tuple[Expr, ...]) -> Value:
    run = evaluator.run
    vector = evaluator.vector(args[0])
    if run.start_ms != run.end_ms:
        text = "sort is ineffective for range queries since results are always ordered by labels"
        run.annotations.warn(text, node.position)
    is_descending = node.function.endswith("_desc")
    if node.function.startswith("sort_by_label"):
        names = [evaluator.text(arg) for arg in args[1:]]
        return vector if run.steps > 1 else sorted_by_labels(vector, names, is_descending=is_descending)
    floats = Vector(vector.table, vector.values, vector.floats_present)
    return floats if run.steps > 1 else sorted_by_value(floats, is_descending=is_descending)


_SPECIAL: Final[dict[str, Callable[[Evaluator, Call, tuple[Expr, ...]], Value]]] = {
    "time": _time,
    "pi": _constant(lambda _: np.pi),
    "start": _constant(lambda run: run.start_ms / 1000),
    "end": _constant(lambda run: run.end_ms / 1000),
    "step": _constant(lambda run: run.step_s),
    "range": _constant(lambda run: run.range_s),
    "vector": _vector,
    "scalar": _scalar,
    "timestamp": _timestamp,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": _clamp,
    "round": _round,
    "min_of": _choice(smaller),
    "max_of": _choice(larger),
    "absent": _absent,
    "label_replace": _replace,
    "label_join": _join,
    **dict.fromkeys(_SORTING, _sorted),
}
