"""What is read from a rule's expression: its value, its threshold, its windows, its sources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lapbell_evaluator.model import METRIC_NAME, Rule
from lapbell_evaluator.promql import (
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Number,
    Paren,
    Subquery,
    Unary,
    VectorSelector,
    children,
    duration_ms,
    kind_of,
    parse,
    walk,
)
from lapbell_evaluator.promql.syntax.ast import Duration
from lapbell_evaluator.rules.inlining import Recordings
from lapbell_evaluator.series import MatchOp

__all__ = ["LOOKBACK_S", "Analysis", "analyse"]

LOOKBACK_S: Final = 300.0
"""How old a sample may be and still count as present."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """One rule's expression, taken apart.

    Attributes:
        expr: parsed.
        value_expr: what is evidence of recovery while it is finite; None if the expression compares nothing.
        breach_expr: what is compared; the whole expression if it compares nothing.
        threshold: what the value is compared with, if it is a constant and the only arm.
        window_s: how far the expression looks back; at least as far as a sample may be old, if it asks for absence.
        sources: the selectors that the value is made from, without offset and `@`.
        metrics: names of the metrics that are read; None if a selector names none.
        reach_s: how far back each metric is read on purpose, by name; the empty name stands for selectors without one.
    """

    expr: Expr
    value_expr: Expr | None
    breach_expr: Expr
    threshold: float | None
    window_s: float
    sources: tuple[VectorSelector, ...]
    metrics: frozenset[str] | None
    reach_s: Mapping[str, float]


def analyse(rule: Rule, recordings: Recordings | None = None) -> Analysis:
    """Take a rule's expression apart.

    Args:
        rule: the rule.
        recordings: put in the place of selectors that read them; None if there are none.

    Raises:
        PromqlError: it, or its recovery expression, is not PromQL.
    """
    recordings = recordings or Recordings()
    expr = recordings.put_in(parse(rule.expr))
    value, threshold = _spine(expr)
    value_expr = value if rule.recovery_expr is None else recordings.put_in(parse(rule.recovery_expr))
    return Analysis(
        expr=expr,
        value_expr=value_expr,
        breach_expr=expr if value is None else value,
        threshold=threshold,
        window_s=max(_window(part) for part in (expr, value_expr) if part is not None),
        sources=tuple(dict.fromkeys(_selectors(value_expr))) if value_expr is not None else (),
        metrics=_metrics(expr),
        reach_s=_reaches(expr, value_expr),
    )


def _spine(expr: Expr) -> tuple[Expr | None, float | None]:
    """The vector side of the first comparison on the left spine, and the constant on its other side.

    An `or` on the way means that there are other arms, arithmetic that the value is not what is compared: no threshold.
    """
    is_plain = True
    while True:
        match expr:
            case Paren(expr=inner) | Unary(expr=inner):
                expr = inner
            case Binary(left=left, right=right, returns_bool=False) if expr.is_comparison:
                value, other = (right, left) if kind_of(left) == kind_of(Number(0)) else (left, right)
                return value, _constant(other) if is_plain else None
            case Binary(op=op, left=left):
                is_plain = is_plain and op in ("and", "unless")
                expr = left
            case _:
                return None, None


def _constant(expr: Expr) -> float | None:
    match expr:
        case Number(value=value):
            return value
        case Paren(expr=inner):
            return _constant(inner)
        case Unary(op=op, expr=inner):
            signed = _constant(inner)
            return -signed if signed is not None and op == "-" else signed
        case Binary(op="*", left=left, right=right):
            one, other = _constant(left), _constant(right)
            return None if one is None or other is None else one * other
        case _:
            return None


def _window(expr: Expr) -> float:
    asks_for_absence = any(
        (isinstance(node, Call) and node.function in ("absent", "absent_over_time"))
        or (isinstance(node, Binary) and node.op == "unless")
        for node in walk(expr)
    )
    return max(_reach(expr), LOOKBACK_S if asks_for_absence else 0.0)


def _reach(expr: Expr) -> float:
    """Seconds from the evaluation back to the oldest sample that is read on purpose."""
    inner = max(map(_reach, children(expr)), default=0.0)
    match expr:
        case MatrixSelector(range=length):
            return inner + _seconds(length)
        case Subquery(range=length, offset=offset):
            return inner + _seconds(length) + (0.0 if offset is None else _seconds(offset))
        case VectorSelector(offset=offset) if offset is not None:
            return max(0.0, _seconds(offset))
        case _:
            return inner


def _reaches(*exprs: Expr | None) -> dict[str, float]:
    found: dict[str, float] = {}
    waiting = [(expr, 0.0) for expr in exprs if expr is not None]
    while waiting:
        expr, outer_s = waiting.pop()
        inner_s = outer_s
        match expr:
            case MatrixSelector(range=length):
                inner_s += _seconds(length)
            case Subquery(range=length, offset=offset):
                inner_s += _seconds(length) + (0.0 if offset is None else _seconds(offset))
            case VectorSelector(offset=offset):
                reach_s = outer_s + (0.0 if offset is None else max(0.0, _seconds(offset)))
                name = _name(expr) or ""
                found[name] = max(found.get(name, 0.0), reach_s)
        waiting += [(child, inner_s) for child in children(expr)]
    return found


def _seconds(length: Duration) -> float:
    return duration_ms(length, 0.0, 0.0, may_be_negative=True) / 1000


def _selectors(expr: Expr) -> Iterator[VectorSelector]:
    for node in walk(expr):
        if isinstance(node, VectorSelector):
            yield node if node.offset is None and node.at is None else replace(node, offset=None, at=None)


def _metrics(expr: Expr) -> frozenset[str] | None:
    names = [_name(node) for node in walk(expr) if isinstance(node, VectorSelector)]
    metrics = frozenset(name for name in names if name is not None)
    return None if None in names else metrics


def _name(selector: VectorSelector) -> str | None:
    if selector.name:
        return selector.name
    exact = (
        matcher.value for matcher in selector.matchers if matcher.name == METRIC_NAME and matcher.op is MatchOp.EQUAL
    )
    return next(exact, None)
