"""How a summary asks the engine: one expression, answers as plain numbers by label."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lapbell_evaluator.api.window import Scope
from lapbell_evaluator.model import QueryResult
from lapbell_evaluator.promql import BatchQuerier

__all__ = ["Ask", "Numbers", "finite", "quantile", "ratio", "summed"]

_VARIABLE: Final = re.compile(r"\$[a-z]")

Numbers = dict[tuple[str, ...], float]
"""Values by the values of some labels."""


def finite(value: float | None) -> float | None:
    """The value, or None for NaN and infinity, which JSON can't say."""
    return value if value is not None and math.isfinite(value) else None


def ratio(part: float, whole: float) -> float | None:
    """`part` of `whole`; None of nothing."""
    return part / whole if whole > 0 else None


def quantile(q: float, histogram: str, by: str, matchers: str = "$s") -> str:
    """The expression of a quantile over the window; `by` ends with `le`."""
    return f"histogram_quantile({q}, sum by ({by}) (rate({histogram}_bucket{{{matchers}}}[$w] anchored)))"


@dataclass(frozen=True, slots=True)
class Ask:
    """Asks about one scope; `$w` in an expression is the window, `$s` the matcher of the service and a comma.

    Other variables, each `$` and a letter, are those of `more`.

    Windows are anchored: counts are exact, and parts add up to their whole, as extrapolated ones would not.
    """

    querier: BatchQuerier
    scope: Scope
    more: Mapping[str, str] = field(default_factory=dict)

    async def all(self, exprs: Mapping[str, tuple[str, ...]]) -> tuple[Numbers, ...]:
        """For each expression its values by the labels it is mapped to; what is not finite is left out.

        All are one question to the engine, which evaluates what they have in common once.
        """
        results = await self.querier.query_all([self._filled(expr) for expr in exprs], self.scope.end)
        return tuple(_numbers(result, names) for result, names in zip(results, exprs.values(), strict=True))

    def _filled(self, expr: str) -> str:
        """In one pass, so that a value that looks like a variable is none."""
        variables = {"$w": f"{max(1, round(self.scope.length_s * 1000))}ms", "$s": self._service_matcher(), **self.more}
        return _VARIABLE.sub(lambda found: variables[found.group()], expr)

    def _service_matcher(self) -> str:
        if self.scope.service is None:
            return ""
        name = json.dumps("(.+/)?" + re.escape(self.scope.service).replace("\\-", "-"), ensure_ascii=False)
        return f"job=~{name},"


def summed(numbers: Numbers, position: int) -> dict[str, float]:
    """Sums by the label at `position`."""
    sums: dict[str, float] = {}
    for key, value in numbers.items():
        sums[key[position]] = sums.get(key[position], 0.0) + value
    return sums


def _numbers(result: QueryResult, names: tuple[str, ...]) -> Numbers:
    return {
        tuple(own.get(name, "") for name in names): sample.value
        for sample in result.samples
        if math.isfinite(sample.value)
        for own in (dict(sample.labels),)
    }
