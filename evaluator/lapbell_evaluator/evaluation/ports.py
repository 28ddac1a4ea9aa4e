"""What evaluation needs from rooms it does not know."""

from collections.abc import Sequence
from typing import Protocol

from lapbell_evaluator.model import Alert, Evidence, Labels, QueryResult, RawSample
from lapbell_evaluator.promql import Expr

__all__ = ["Arrivals", "EvidenceCollector", "Origins", "Querier"]


class Querier(Protocol):
    """Answers PromQL."""

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """The instant vector of `expr` at `time` (Unix seconds).

        Raises:
            EvaluatorError: the expression is wrong, or costs too much.
        """
        ...


class Origins(Protocol):
    """Knows which samples a value was made from."""

    async def origins(self, expr: Expr, series: Sequence[Labels], time: float) -> Sequence[RawSample | None]:
        """The newest sample behind each series of the value of `expr` at `time` (Unix seconds); None if there is none.

        Raises:
            EvaluatorError: it costs too much.
        """
        ...


class Arrivals(Protocol):
    """Knows when samples arrived."""

    def received_at(self, samples: Sequence[RawSample | None]) -> Sequence[float | None]:
        """Unix seconds when each sample arrived; None where that is not known."""
        ...


class EvidenceCollector(Protocol):
    """Says who is to blame when an alert fires."""

    async def collect(self, alert: Alert, at: float) -> Evidence:
        """The phase blame and exemplar traces for `alert` as things stood at `at` (Unix seconds)."""
        ...
