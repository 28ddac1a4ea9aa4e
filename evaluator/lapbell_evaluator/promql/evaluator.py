"""Evaluates a tree: one method per kind of node, all steps at once."""

from functools import lru_cache
from typing import Final

import numpy as np

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
from lapbell_evaluator.promql.range_calls import range_call
from lapbell_evaluator.promql.run import Run
from lapbell_evaluator.promql.selectors import instant_vector, range_vector
from lapbell_evaluator.promql.special_functions import SPECIAL, of_floats
from lapbell_evaluator.promql.subqueries import subquery
from lapbell_evaluator.promql.tree import walk
from lapbell_evaluator.promql.value import Floats, Scalar, Text, Value, Vector
from lapbell_evaluator.series import LabelTable

__all__ = ["Evaluator"]

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
        special = SPECIAL.get(node.function)
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
        return of_floats(self.vector(args[0]), function)

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
