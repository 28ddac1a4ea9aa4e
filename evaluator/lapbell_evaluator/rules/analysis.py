"""What is read from a rule's expression: its value, its threshold, its windows, its sources."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from lapbell_evaluator.model import Rule, ValueKind
from lapbell_evaluator.promql import Binary, Expr, Number, Paren, Unary, VectorSelector, kind_of, parse, walk
from lapbell_evaluator.rules.inlining import Recordings
from lapbell_evaluator.rules.reads import Reads, reads

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
    whole = reads(expr)
    # A value that the expression compares is a part of it, and reads nothing else.
    recovery = whole if value_expr is value or value_expr is None else reads(value_expr)
    return Analysis(
        expr=expr,
        value_expr=value_expr,
        breach_expr=expr if value is None else value,
        threshold=threshold,
        window_s=max(_window_s(whole), _window_s(recovery)),
        sources=() if value_expr is None else tuple(dict.fromkeys(_sources(value_expr))),
        metrics=whole.metrics,
        reach_s=whole.reach_s if recovery is whole else _longest(whole.reach_s, recovery.reach_s),
    )


def _window_s(part: Reads) -> float:
    return max(part.furthest_s, LOOKBACK_S if part.asks_for_absence else 0.0)


def _sources(value: Expr) -> list[VectorSelector]:
    return [_plain(node) for node in walk(value) if isinstance(node, VectorSelector)]


def _plain(selector: VectorSelector) -> VectorSelector:
    """Without offset and `@`."""
    return selector if selector.offset is None and selector.at is None else replace(selector, offset=None, at=None)


def _longest(one: Mapping[str, float], other: Mapping[str, float]) -> Mapping[str, float]:
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in (*one, *other)}


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
                value, other = (right, left) if kind_of(left) is ValueKind.SCALAR else (left, right)
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
