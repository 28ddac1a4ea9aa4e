"""Whoever answers PromQL: the engine inside, or any server with Prometheus' HTTP API. One protocol for each need."""

from collections.abc import Sequence
from typing import Protocol

from lapbell_evaluator.model import Labels, QueryResult, RangeResult
from lapbell_evaluator.promql.syntax.ast import Expr

__all__ = ["BatchQuerier", "InstantQuerier", "LabelQuerier", "Querier", "RangeQuerier"]


class InstantQuerier(Protocol):
    """Answers at one instant: what rules and evidence need."""

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """The value of `expr` at `time`, Unix seconds.

        Raises:
            PromqlError: the expression is wrong or has no answer.
            QueryLimitError: it costs too much.
        """
        ...


class BatchQuerier(Protocol):
    """Answers several expressions at one instant: what summaries need, one question for a page of figures."""

    async def query_all(self, exprs: Sequence[str], time: float) -> tuple[QueryResult, ...]:
        """The value of each expression at `time`, Unix seconds, in the order of `exprs`.

        Raises:
            PromqlError: one of the expressions is wrong or has no answer.
            QueryLimitError: one of them costs too much.
        """
        ...


class RangeQuerier(Protocol):
    """Answers for many instants at once: what charts need."""

    async def query_range(self, expr: str | Expr, start: float, end: float, step: float) -> RangeResult:
        """The values of `expr` at `start`, `start + step`, … up to `end`: Unix seconds, and seconds between them.

        Raises:
            PromqlError: the expression is wrong or has no answer.
            QueryLimitError: it costs too much.
        """
        ...


class LabelQuerier(Protocol):
    """Knows series and their labels: what completion in an editor needs. Times are Unix seconds."""

    async def series(self, selectors: Sequence[str], start: float, end: float) -> tuple[Labels, ...]:
        """Labels of the series that match any of the selectors and have samples in the time, sorted."""
        ...

    async def label_names(self, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """Names of the labels that occur among them, sorted; no selector means all series."""
        ...

    async def label_values(self, name: str, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """The values of one label that occur among them, sorted."""
        ...


class Querier(InstantQuerier, BatchQuerier, RangeQuerier, LabelQuerier, Protocol):
    """All of it: what the REST gate needs."""
