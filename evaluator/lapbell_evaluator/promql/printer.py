"""Expressions as text, always the same for the same tree."""

import math
import re
from decimal import Decimal
from typing import Final

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql.ast import (
    Aggregate,
    At,
    Binary,
    Call,
    Cardinality,
    Duration,
    DurationExpr,
    Expr,
    Matching,
    MatrixSelector,
    Number,
    Paren,
    String,
    Subquery,
    Unary,
    VectorSelector,
)
from lapbell_evaluator.promql.durations import duration_text
from lapbell_evaluator.promql.texts import quoted
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["number_text", "printed"]

_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def printed(node: Expr | DurationExpr) -> str:  # noqa: C901 - one case for each kind of node
    """The canonical text of an expression; parsing it gives an equal tree."""
    match node:
        case Number(value=value, is_duration=is_duration):
            return duration_text(value) if is_duration else number_text(value)
        case String(value=value):
            return quoted(value)
        case DurationExpr():
            return _duration_expr(node)
        case VectorSelector():
            return _selector(node) + _shift(node.offset, node.at)
        case MatrixSelector(selector=selector, range=range_):
            anchored = " anchored" if node.is_anchored else ""
            return f"{_selector(selector)}[{range_}]{anchored}{_shift(selector.offset, selector.at)}"
        case Subquery(expr=inner, range=range_, step=step):
            return f"{inner}[{range_}:{'' if step is None else step}]{_shift(node.offset, node.at)}"
        case Call(function=function, args=args):
            return f"{function}({', '.join(map(str, args))})"
        case Aggregate():
            return _aggregate(node)
        case Binary(op=op, left=left, right=right):
            return f"{left} {op}{' bool' if node.returns_bool else ''}{_matching(node.matching)} {right}"
        case Unary(op=op, expr=inner):
            return f"{op}{inner}"
        case Paren(expr=inner):
            return f"({inner})"


def number_text(value: float) -> str:
    """A number as Go's `strconv` writes it with the format `f` and the shortest precision."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{Decimal(repr(value)):f}".removesuffix(".0")


def _duration_expr(node: DurationExpr) -> str:
    match node.op:
        case "step" | "range":
            text = f"{node.op}()"
        case "min_of" | "max_of":
            text = f"{node.op}({node.left}, {node.right})"
        case op:
            text = f"{op}{node.right}" if node.left is None else f"{node.left} {op} {node.right}"
    return f"({text})" if node.is_wrapped else text


def _selector(node: VectorSelector) -> str:
    own = sorted(
        _matcher(matcher)
        for matcher in node.matchers
        if not (node.name and matcher == Matcher(METRIC_NAME, MatchOp.EQUAL, node.name))
    )
    return node.name + (f"{{{','.join(own)}}}" if own or not node.name else "")


def _matcher(matcher: Matcher) -> str:
    return f"{_label(matcher.name)}{matcher.op}{quoted(matcher.value)}"


def _label(name: str) -> str:
    return name if _LABEL_NAME.fullmatch(name) else quoted(name)


def _shift(offset: Duration | None, at: float | At | None) -> str:
    text = ""
    if isinstance(at, At):
        text += f" @ {at}"
    elif at is not None:
        text += f" @ {at:.3f}"
    if offset is None:
        return text
    if isinstance(offset, Number):
        return text + f" offset {duration_text(offset.value)}"
    return text + f" offset {offset}"


def _aggregate(node: Aggregate) -> str:
    names = ", ".join(map(_label, node.grouping))
    by = f" without ({names}) " if node.without else f" by ({names}) " if node.grouping else ""
    param = "" if node.param is None else f"{node.param}, "
    return f"{node.op}{by}({param}{node.expr})"


def _matching(matching: Matching | None) -> str:
    if matching is None:
        return ""
    text = ""
    is_grouped = matching.cardinality in (Cardinality.MANY_TO_ONE, Cardinality.ONE_TO_MANY)
    if matching.labels or matching.on or is_grouped:
        text += f" {'on' if matching.on else 'ignoring'} ({', '.join(map(_label, matching.labels))})"
    if is_grouped:
        side = "left" if matching.cardinality is Cardinality.MANY_TO_ONE else "right"
        text += f" group_{side} ({', '.join(map(_label, matching.include))})"
    left, right = matching.fill_left, matching.fill_right
    if left is not None and left == right:
        return text + f" fill ({number_text(left)})"
    text += "" if left is None else f" fill_left ({number_text(left)})"
    return text + ("" if right is None else f" fill_right ({number_text(right)})")
