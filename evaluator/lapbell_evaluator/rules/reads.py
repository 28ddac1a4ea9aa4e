"""What an expression reads: which metrics, how far back, and whether it asks for what is not there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql import (
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Subquery,
    VectorSelector,
    children,
    duration_ms,
)
from lapbell_evaluator.promql.syntax.ast import Duration
from lapbell_evaluator.series import MatchOp

__all__ = ["Reads", "reads"]

_OF_ABSENCE: Final = frozenset({"absent", "absent_over_time"})


@dataclass(frozen=True, slots=True)
class Reads:
    """What an expression reads.

    Attributes:
        furthest_s: seconds from the evaluation back to the oldest sample that is read on purpose.
        reach_s: the same of each metric, by name; the empty name stands for selectors without one.
        asks_for_absence: whether it holds where something is missing.
    """

    furthest_s: float
    reach_s: Mapping[str, float]
    asks_for_absence: bool

    @property
    def metrics(self) -> frozenset[str] | None:
        """The names of what is read; None if a selector names none."""
        return None if "" in self.reach_s else frozenset(self.reach_s)


def reads(expr: Expr) -> Reads:
    """What an expression reads, seen in one walk: ten thousand rules are asked when they are loaded."""
    reach_s: dict[str, float] = {}
    furthest_s, asks_for_absence = 0.0, False
    waiting: list[tuple[Expr, float]] = [(expr, 0.0)]
    while waiting:
        node, outer_s = waiting.pop()
        if isinstance(node, VectorSelector):
            name = _name(node)
            if node.offset is not None:
                outer_s += max(0.0, _seconds(node.offset))
            reach_s[name] = max(reach_s.get(name, 0.0), outer_s)
            furthest_s = max(furthest_s, outer_s)
        elif isinstance(node, MatrixSelector):
            waiting.append((node.selector, outer_s + _seconds(node.range)))
        elif isinstance(node, Subquery):
            waiting.append((node.expr, outer_s + _seconds(node.range) + _shift_s(node.offset)))
        else:
            asks_for_absence = asks_for_absence or _asks_for_absence(node)
            waiting += [(child, outer_s) for child in children(node)]
    return Reads(furthest_s, reach_s, asks_for_absence)


def _asks_for_absence(node: Expr) -> bool:
    if isinstance(node, Call):
        return node.function in _OF_ABSENCE
    return isinstance(node, Binary) and node.op == "unless"


def _shift_s(offset: Duration | None) -> float:
    return 0.0 if offset is None else _seconds(offset)


def _seconds(length: Duration) -> float:
    return duration_ms(length, 0.0, 0.0, may_be_negative=True) / 1000


def _name(selector: VectorSelector) -> str:
    if selector.name:
        return selector.name
    exact = (
        matcher.value for matcher in selector.matchers if matcher.name == METRIC_NAME and matcher.op is MatchOp.EQUAL
    )
    return next(exact, "")
