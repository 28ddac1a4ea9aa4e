"""Evaluates a tree: one method per kind of node, all steps at once."""

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Final

import numpy as np

from lapbell_evaluator.promql.aggregation.aggregate import Aggregating
from lapbell_evaluator.promql.annotations import Annotations
from lapbell_evaluator.promql.arguments import Arguments, Function
from lapbell_evaluator.promql.functions.absence import absent, absent_labels
from lapbell_evaluator.promql.functions.info import info
from lapbell_evaluator.promql.functions.table import FUNCTIONS
from lapbell_evaluator.promql.functions.timestamps import evaluation_times, taken_times
from lapbell_evaluator.promql.histograms.functions import HISTOGRAM_FUNCTIONS
from lapbell_evaluator.promql.operators.binary import binary, negated
from lapbell_evaluator.promql.ranges.arguments import RangeArguments
from lapbell_evaluator.promql.ranges.call import range_call
from lapbell_evaluator.promql.ranges.kernels import RANGE_FUNCTIONS
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors.instant import instant_vector, sample_times
from lapbell_evaluator.promql.selectors.range_vector import RangeVector, range_vector
from lapbell_evaluator.promql.selectors.subquery import subquery
from lapbell_evaluator.promql.syntax.ast import (
    Aggregate,
    At,
    Binary,
    Call,
    DurationExpr,
    Expr,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.tree import children
from lapbell_evaluator.promql.value import Scalar, Text, Value, Vector
from lapbell_evaluator.series.arrays import Floats

__all__ = ["Evaluator"]

_FUNCTIONS: Final[dict[str, Function]] = {**FUNCTIONS, **HISTOGRAM_FUNCTIONS}
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
        cached = shared.get(key)
        if cached is not None and (cached[1] is node or not cached[2]):
            self.run.annotations.merge(cached[2])
            return cached[0]
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

    def ranges(self, node: MatrixSelector | Subquery) -> AbstractContextManager[RangeVector]:
        """The windows of a range argument; samples do not change within the context."""
        if isinstance(node, MatrixSelector):
            return range_vector(self.run, node)
        return subquery(self.run, node, lambda run, expr: Evaluator(run).vector(expr))

    def _aggregate(self, node: Aggregate) -> Vector:
        param = None if node.param is None else self.value(node.param)
        return Aggregating(self.run, node).value(self.vector(_unwrapped(node.expr)), param)

    def _call(self, node: Call) -> Value:
        args = tuple(_unwrapped(arg) for arg in node.args)
        if node.function in RANGE_FUNCTIONS:
            return self._range_call(node, args)
        function = _FUNCTIONS.get(node.function)
        if function is None:
            return self._node_call(node, args)
        values, positions = tuple([self.value(arg) for arg in args]), tuple([arg.position for arg in args])
        return function(Arguments(self.run, node.function, values, node.position, positions))

    def _node_call(self, node: Call, args: tuple[Expr, ...]) -> Value:
        """The value of a function that must see its arguments' nodes, because their values do not tell enough."""
        match node.function, args:
            case "timestamp", (VectorSelector() as selector,):
                return taken_times(sample_times(self.run, selector))
            case "timestamp", (arg,):
                return evaluation_times(self.run, self.vector(arg))
            case "absent", (arg,):
                return absent(self.vector(arg).present, absent_labels(arg))
            case "info", (arg, *labels):
                return info(self.run, node, self.vector(arg), arg, labels[0] if labels else None)
        raise TypeError(f"{node.function} is no function")

    def _range_call(self, node: Call, args: tuple[Expr, ...]) -> Vector:
        selector = next(arg for arg in args if isinstance(arg, MatrixSelector | Subquery))
        scalars = tuple([self._scalar(arg) for arg in args if arg is not selector])
        with self.ranges(selector) as ranges:
            first_position = node.args[0].position
            vector = range_call(
                RangeArguments(
                    self.run, node.function, ranges, scalars, node.position, first_position, selector.position
                )
            )
        return absent(vector.present, absent_labels(selector)) if node.function == "absent_over_time" else vector

    def _scalar(self, node: Expr) -> Floats:
        value = self.value(node)
        if not isinstance(value, Scalar):
            raise TypeError(f"{node} is no scalar")
        return value.values


def _unwrapped(node: Expr) -> Expr:
    while isinstance(node, Paren):
        node = node.expr
    return node


@lru_cache(_REMEMBERED)
def _depends_on_query(node: Expr) -> bool:
    """Whether the value depends on more than its own times: the query's ends and step."""
    match node:
        case Call(function=function) if function in _OF_QUERY:
            return True
        case VectorSelector(offset=offset, at=at):
            return isinstance(offset, DurationExpr) or isinstance(at, At)
        case MatrixSelector(range=length):
            is_computed = isinstance(length, DurationExpr)
        case Subquery():
            times = (node.range, node.step, node.offset)
            is_computed = isinstance(node.at, At) or any(isinstance(time, DurationExpr) for time in times)
        case _:
            is_computed = False
    return is_computed or any(map(_depends_on_query, children(node)))


_OF_QUERY: Final = frozenset({"start", "end", "step", "range"})
