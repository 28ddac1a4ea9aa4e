"""What evaluation needs from rooms it does not know."""

from typing import Protocol

from lapbell_evaluator.model import Alert, Evidence, QueryResult
from lapbell_evaluator.promql import Expr

__all__ = ["Querier", "Witness"]


class Querier(Protocol):
    """Answers PromQL."""

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """The instant vector of `expr` at `time` (Unix seconds).

        Raises:
            EvaluatorError: the expression is wrong, or costs too much.
        """
        ...


class Witness(Protocol):
    """Says who is to blame when an alert fires."""

    async def testify(self, alert: Alert, at: float) -> Evidence:
        """The phase blame and exemplar traces for `alert` as things stood at `at` (Unix seconds)."""
        ...
