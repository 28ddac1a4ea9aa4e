"""The numbers behind alerts: asked once for all alerts of a rule, and good until its value is evaluated anew."""

import asyncio
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lapbell_evaluator.evaluation.compiled import CompiledRule
from lapbell_evaluator.model import Alert, AlertFigures, EvaluatorError, Labels
from lapbell_evaluator.promql import Expr, InstantQuerier
from lapbell_evaluator.rules import counted

__all__ = ["Figures"]

_log = logging.getLogger(__name__)
_MINUTE_S: Final = 60.0
_FRESH_S: Final = 1.0
_GOOD_FOR_S: Final = 5.0
_TIMEOUT_S: Final = 1.0
_MOST_RULES: Final = 1_000

_Values = Mapping[Labels, float]


@dataclass(frozen=True, slots=True)
class _RuleFigures:
    """What was asked for all series of a rule at one time."""

    at: float
    minute_ago: _Values
    five_minutes_ago: _Values
    bad: _Values
    total: _Values


@dataclass(slots=True)
class Figures:
    """Measures what is behind the value of an alert.

    Attributes:
        querier: answers what rules compare, at other times.
    """

    querier: InstantQuerier
    _by_rule: dict[str, _RuleFigures] = field(default_factory=dict)

    async def measure(self, rules: Iterable[CompiledRule], at: float, *, is_news: bool = False) -> None:
        """Ask for the figures of every alert of rules at Unix seconds `at`, within a second.

        What was asked within five seconds before is good: readers may come more often than rules are evaluated. News
        are measured anew if that is older than a second. What fails, or is not answered in time, is not known.
        """
        good_for_s = _FRESH_S if is_news else _GOOD_FOR_S
        wanted = [rule for rule in rules if not self._is_good(rule, at, good_for_s)]
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                measured = await asyncio.gather(*(self._measured(rule, at) for rule in wanted))
        except TimeoutError:
            _log.warning("No figures of %d rules: they took more than %g s", len(wanted), _TIMEOUT_S)
            return
        for rule, figures in zip(wanted, measured, strict=True):
            self._by_rule.pop(rule.key, None)
            self._by_rule[rule.key] = figures
        while len(self._by_rule) > _MOST_RULES:
            del self._by_rule[next(iter(self._by_rule))]

    def of(self, rule: CompiledRule, alert: Alert, at: float) -> AlertFigures:
        """The peak of an alert, and its trend and counts at Unix seconds `at` as far as they were measured."""
        if not self._is_good(rule, at, _GOOD_FOR_S):
            return AlertFigures(alert.peak)
        measured = self._by_rule[rule.key]
        total = measured.total.get(alert.series) or None  # of no events, none could be bad: nothing was measured
        return AlertFigures(
            peak=alert.peak,
            minute_ago=measured.minute_ago.get(alert.series),
            five_minutes_ago=measured.five_minutes_ago.get(alert.series),
            bad=None if total is None else measured.bad.get(alert.series),
            total=total,
        )

    def _is_good(self, rule: CompiledRule, at: float, good_for_s: float) -> bool:
        measured = self._by_rule.get(rule.key)
        return measured is not None and 0 <= at - measured.at < good_for_s

    async def _measured(self, rule: CompiledRule, at: float) -> _RuleFigures:
        counts = counted(rule.breach_expr)
        minute_ago, five_minutes_ago, *answers = await asyncio.gather(
            self._values(rule, rule.breach_expr, at - _MINUTE_S),
            self._values(rule, rule.breach_expr, at - 5 * _MINUTE_S),
            *(self._values(rule, expr, at) for expr in counts or ()),
        )
        bad, total = answers or ({}, {})
        return _RuleFigures(at, minute_ago, five_minutes_ago, bad, total)

    async def _values(self, rule: CompiledRule, expr: Expr, at: float) -> _Values:
        try:
            answer = await self.querier.query(expr, at)
        except EvaluatorError as error:
            _log.warning("No figures of %s: %s", rule.key, error)
            return {}
        return {sample.labels: sample.value for sample in answer.samples if math.isfinite(sample.value)}
