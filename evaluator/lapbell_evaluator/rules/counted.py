"""The counts behind a share: of `100 * bad / all` how many were bad, of how many."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lapbell_evaluator.promql import Aggregate, Binary, Call, Expr, Paren, VectorSelector, walk

__all__ = ["Counted", "counted"]

_COUNTERS: Final = ("_count", "_total", "_bucket")
_OF_NO_COUNTER: Final = frozenset({"avg_over_time", "histogram_sum", "histogram_avg", "histogram_quantile"})
_PASSED_THROUGH: Final = frozenset({"max", "min"})
_RATES: Final = {"rate": "increase"}

Counted = tuple[Expr, Expr]
"""PromQL of how many were bad, and of how many there were, with the labels of the share."""


def counted(share: Expr) -> Counted | None:
    """What a share was divided from; None if the expression is no share of counters.

    `or`, `and`, `unless`, `max`, `min` and constant factors around the division stay or fall away, so that both answers
    have the labels of the share, and the arm of an `or` that is its value.

    Args:
        share: what a rule compares.
    """
    bad, every = _side(share, _numerator), _side(share, _denominator)
    if bad is None or every is None or not (_counts(bad) and _counts(every)):
        return None
    return bad, every


def _side(expr: Expr, side: Callable[[Binary], Expr]) -> Expr | None:
    """The expression with each division replaced by one of its sides; None if it is anything else."""
    match expr:
        case Paren(expr=inner):
            count = _side(inner, side)
            return None if count is None else Paren(count)
        case Aggregate(op=op, expr=inner) if op in _PASSED_THROUGH:
            count = _side(inner, side)
            return None if count is None else replace(expr, expr=count)
        case Call(function="label_replace", args=args):
            count = _side(args[0], side)
            return None if count is None else replace(expr, args=(count, *args[1:]))
        case Binary(op="/"):
            return _as_count(side(expr))
        case Binary(op="*", left=left, right=right):
            return _side(right if _is_constant(left) else left, side)
        case Binary(op="or", left=left, right=right):
            one, other = _side(left, side), _side(right, side)
            return None if one is None or other is None else replace(expr, left=one, right=other)
        case Binary(left=left) if expr.op in ("and", "unless") or (expr.is_comparison and not expr.returns_bool):
            return _where(_side(left, side), expr)
        case _:
            return None


def _where(count: Expr | None, condition: Binary) -> Expr | None:
    """The count where the condition holds for the share."""
    if count is None:
        return None
    if condition.is_comparison:
        return Binary("and", Paren(count), Paren(condition))
    return replace(condition, left=Paren(count))


def _numerator(division: Binary) -> Expr:
    left = division.left
    while isinstance(left, Paren):
        left = left.expr
    if isinstance(left, Binary) and left.op == "*":
        return left.right if _is_constant(left.left) else left.left
    return division.left


def _denominator(division: Binary) -> Expr:
    return division.right


def _is_constant(expr: Expr) -> bool:
    return not any(isinstance(part, VectorSelector) for part in walk(expr))


def _as_count(expr: Expr) -> Expr:
    """How many in the window, where it was asked how many per second."""
    match expr:
        case Call(function=function, args=args):
            return replace(expr, function=_RATES.get(function, function), args=tuple(map(_as_count, args)))
        case Aggregate(expr=inner) | Paren(expr=inner):
            return replace(expr, expr=_as_count(inner))
        case Binary(left=left, right=right):
            return replace(expr, left=_as_count(left), right=_as_count(right))
        case _:
            return expr


def _counts(expr: Expr) -> bool:
    """Whether counters are counted, and no seconds, bytes or workers."""
    parts = list(walk(expr))
    names = [part.name for part in parts if isinstance(part, VectorSelector)]
    measures = any(isinstance(part, Call) and part.function in _OF_NO_COUNTER for part in parts)
    return (
        any(name.endswith(_COUNTERS) for name in names)
        and not measures
        and not any(name.endswith("_sum") for name in names)
    )
