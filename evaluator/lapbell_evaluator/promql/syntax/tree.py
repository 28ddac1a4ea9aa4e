"""Trees as a whole: what is inside, and what kind of value they have."""

from collections.abc import Iterator

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
    match expr:
        case MatrixSelector(selector=selector):
            return (selector,)
        case Subquery(expr=inner) | Unary(expr=inner) | Paren(expr=inner):
            return (inner,)
        case Call(args=args):
            return args
        case Aggregate(expr=inner, param=param):
            return (inner,) if param is None else (param, inner)
        case Binary(left=left, right=right):
            return left, right
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything inside it, parents first."""
    waiting = [expr]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(reversed(children(one)))


def kind_of(expr: Expr) -> ValueKind:
    """What kind of value an expression has."""
    match expr:
        case Number():
            return ValueKind.SCALAR
        case String():
            return ValueKind.STRING
        case MatrixSelector() | Subquery():
            return ValueKind.MATRIX
        case VectorSelector() | Aggregate():
            return ValueKind.VECTOR
        case Call(function=function):
            return SIGNATURES[function].returns
        case Paren(expr=inner) | Unary(expr=inner):
            return kind_of(inner)
        case Binary(left=left, right=right):
            both_scalar = kind_of(left) is ValueKind.SCALAR and kind_of(right) is ValueKind.SCALAR
            return ValueKind.SCALAR if both_scalar else ValueKind.VECTOR
