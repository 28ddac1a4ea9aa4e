"""How a summary asks the engine: one expression, answers as plain numbers by label."""

import asyncio
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lapbell_evaluator.api.window import Scope
from lapbell_evaluator.model import QueryResult

__all__ = ["Ask", "Querier", "finite", "quantile", "ratio"]


class Querier(Protocol):
    """Answers PromQL at one instant."""

    async def query(self, expr: str, time: float) -> QueryResult:
        """The value of `expr` at `time`, Unix seconds."""
        ...


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
    """Asks about one scope; `$w` in an expression is the window, `$s` the matcher of the service.

    Windows are anchored: counts are exact, and parts add up to their whole, as extrapolated ones would not.
    """

    querier: Querier
    scope: Scope

    async def by(self, expr: str, *names: str) -> dict[tuple[str, ...], float]:
        """Values by the values of the labels `names`; what is not finite is left out."""
        result = await self.querier.query(self._filled(expr), self.scope.end)
        return {
            tuple(own.get(name, "") for name in names): sample.value
            for sample in result.samples
            if math.isfinite(sample.value)
            for own in (dict(sample.labels),)
        }

    async def one(self, expr: str) -> float | None:
        """The single value of an expression without labels; None if there is none."""
        return next(iter((await self.by(expr)).values()), None)

    async def all(self, exprs: Mapping[str, tuple[str, ...]]) -> tuple[dict[tuple[str, ...], float], ...]:
        """`by` for each expression, asked together."""
        return tuple(await asyncio.gather(*(self.by(expr, *names) for expr, names in exprs.items())))

    def _filled(self, expr: str) -> str:
        window = f"{max(1, round(self.scope.length_s * 1000))}ms"
        return expr.replace("$w", window).replace("$s", self._service_matcher())

    def _service_matcher(self) -> str:
        if self.scope.service is None:
            return ""
        name = json.dumps("(.+/)?" + re.escape(self.scope.service).replace("\\-", "-"), ensure_ascii=False)
        return f"job=~{name}"
