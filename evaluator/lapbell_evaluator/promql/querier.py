"""Whoever answers PromQL: the engine inside, or any server with Prometheus' HTTP API."""

from collections.abc import Sequence
from typing import Protocol

from lapbell_evaluator.model import Labels, QueryResult, RangeResult
from lapbell_evaluator.promql.ast import Expr

__all__ = ["Querier"]


class Querier(Protocol):
    """Answers PromQL. All times are Unix seconds."""

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """The value of `expr` at `time`.

        Raises:
            PromqlError: the expression is wrong or has no answer.
            QueryLimitError: it costs too much.
        """
        ...

    async def query_range(self, expr: str | Expr, start: float, end: float, step: float) -> RangeResult:
        """The values of `expr` at `start`, `start + step`, … up to `end`.

        Raises:
            PromqlError: as `query`.
        """
        ...

    async def series(self, selectors: Sequence[str], start: float, end: float) -> tuple[Labels, ...]:
        """Labels of the series that match any of the selectors and have samples in the time, sorted."""
        ...

    async def label_names(self, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """Names of the labels that occur among them, sorted; no selector means all series."""
        ...

    async def label_values(self, name: str, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """The values of one label that occur among them, sorted."""
        ...
