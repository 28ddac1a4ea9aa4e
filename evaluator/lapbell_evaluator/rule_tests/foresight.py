"""Answers to what rules ask at many moments of a test, found at once: the engine takes many steps as cheaply as one.

Only what reads nothing but the input, and that at or before its moment, can be known ahead. What reads what rules write
is asked at each moment, and so is what has no answer at one of the moments: the error belongs to that moment.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from lapbell_evaluator.evaluation.compiled import CompiledRule
from lapbell_evaluator.model import EvaluatorError, QueryResult
from lapbell_evaluator.promql import Call, Engine, Expr, MatrixSelector, Number, Subquery, VectorSelector, walk
from lapbell_evaluator.promql.run import Shared
from lapbell_evaluator.promql.syntax.ast import Duration

__all__ = ["Foresight"]

_AT_ONCE: Final = 500
_OF_MORE: Final = frozenset({"start", "end", "step", "range", "info"})
"""Functions that see more than one moment, and one that reads a metric which it does not name."""


class Foresight:
    """What rules ask, answered for up to 500 moments once the first of these is asked about.

    Args:
        engine: over all of the input, also that which the test has not come to yet.
        rules: whose expressions may be known ahead.
        written: names of the metrics that rules write.
    """

    def __init__(self, engine: Engine, rules: Iterable[CompiledRule], written: frozenset[str]) -> None:
        self._engine = engine
        self._foreseeable = {
            id(expr)
            for rule in rules
            if _reads_input(rule, written)
            for expr in (rule.expr, rule.breach_expr, rule.value_expr if rule.rule.recovery_expr is None else None)
            if expr is not None
        }
        self._places: dict[float, tuple[Sequence[float], int]] = {}
        self._answers: dict[int, dict[float, QueryResult]] = {}
        self._first = 0
        self._shared: Shared = {}

    def expect(self, times: Sequence[float]) -> None:
        """Tell the times of all evaluations of a group, Unix seconds in order."""
        self._places |= {time: (times, place) for place, time in enumerate(times)}

    def query(self, expr: Expr, time: float) -> QueryResult | None:
        """The answer at Unix seconds `time`; None if it has to be asked for then."""
        if id(expr) not in self._foreseeable or time not in self._places:
            return None
        answer = self._answers.get(id(expr), {}).get(time)
        if answer is not None:
            return answer
        times, place = self._places[time]
        first = place - place % _AT_ONCE
        chosen = times[first : first + _AT_ONCE]
        if first != self._first:
            self._first, self._shared = first, {}
        try:
            answers = self._engine.query_each(expr, chosen, self._shared)
        except EvaluatorError:
            self._foreseeable.discard(id(expr))
            return None
        self._answers[id(expr)] = dict(zip(chosen, answers, strict=True))
        return self._answers[id(expr)][time]


def _reads_input(rule: CompiledRule, written: frozenset[str]) -> bool:
    """Whether the rule reads the input alone, and nothing that lies behind its moment."""
    is_known = rule.metrics is not None and rule.metrics.isdisjoint(written)
    return is_known and all(map(_looks_back, walk(rule.expr)))


def _looks_back(node: Expr) -> bool:
    match node:
        case Call(function=function):
            return function not in _OF_MORE
        case VectorSelector(offset=offset, at=at):
            return at is None and _is_back(offset)
        case MatrixSelector(range=length):
            return isinstance(length, Number)
        case Subquery(range=length, step=step, offset=offset, at=at):
            return at is None and _is_back(offset) and isinstance(length, Number) and (step is None or _is_back(step))
        case _:
            return True


def _is_back(length: Duration | None) -> bool:
    return length is None or (isinstance(length, Number) and length.value >= 0)
