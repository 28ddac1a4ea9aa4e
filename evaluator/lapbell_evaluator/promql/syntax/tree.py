"""Trees as a whole: what is inside, and what kind of value they have."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from lapbell_evaluator.model import ValueKind
from lapbell_evaluator.promql.syntax.ast import (
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
from lapbell_evaluator.promql.syntax.signatures import SIGNATURES

__all__ = ["children", "kind_of", "walk"]


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside."""
    return _CHILDREN[type(expr)](expr)


def _none(_: Expr) -> tuple[Expr, ...]:
    return ()


def _inner(expr: Any) -> tuple[Expr, ...]:  # noqa: ANN401 - of the types below
    return (expr.expr,)


_CHILDREN: Final[dict[type[Expr], Callable[[Any], tuple[Expr, ...]]]] = {
    Number: _none,
    String: _none,
    VectorSelector: _none,
    MatrixSelector: lambda expr: (expr.selector,),
    Subquery: _inner,
    Unary: _inner,
    Paren: _inner,
    Call: lambda expr: expr.args,
    Aggregate: lambda expr: (expr.expr,) if expr.param is None else (expr.param, expr.expr),
    Binary: lambda expr: (expr.left, expr.right),
}
"""By type, not by `match`: each rule's tree is walked six times when it is loaded."""


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything inside it, parents first."""
    waiting = [expr]
    while waiting:
        one = waiting.pop()
        yield one
        inside = children(one)
        if inside:
            waiting.extend(inside[::-1])


def kind_of(expr: Expr) -> ValueKind:
    """What kind of value an expression has."""
    while isinstance(expr, Paren | Unary):
        expr = expr.expr
    if isinstance(expr, Call):
        return SIGNATURES[expr.function].returns
    if isinstance(expr, Binary):
        both_scalar = kind_of(expr.left) is ValueKind.SCALAR and kind_of(expr.right) is ValueKind.SCALAR
        return ValueKind.SCALAR if both_scalar else ValueKind.VECTOR
    return _KINDS[type(expr)]


_KINDS: Final = {
    Number: ValueKind.SCALAR,
    String: ValueKind.STRING,
    MatrixSelector: ValueKind.MATRIX,
    Subquery: ValueKind.MATRIX,
    VectorSelector: ValueKind.VECTOR,
    Aggregate: ValueKind.VECTOR,
}
