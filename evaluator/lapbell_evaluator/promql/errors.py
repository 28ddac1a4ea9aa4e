"""What a query costs too much, as errors; what is wrong with its text is `syntax.errors.PromqlError`."""

from lapbell_evaluator.promql.syntax.errors import PromqlError

__all__ = ["QueryLimitError", "QueueFullError", "TooManyCellsError"]


class QueryLimitError(PromqlError):
    """A query that takes too long or touches too much; nothing is wrong with its grammar."""


class TooManyCellsError(QueryLimitError):
    """Too many series times steps at once; a range query is then evaluated in pieces.

    Attributes:
        cells: how many it would be.
    """

    def __init__(self, cells: int) -> None:
        remedy = "Select fewer series, a shorter range or a longer step."
        super().__init__(f"the query needs {cells:,} values at once", remedy=remedy)
        self.cells = cells


class QueueFullError(QueryLimitError):
    """Too many questions wait; the same one may be answered later.

    Attributes:
        retry_after_s: when to ask again, seconds.
    """

    def __init__(self, reason: str, retry_after_s: int) -> None:
        super().__init__(reason, remedy=f"Ask again in {retry_after_s} s, and fewer at once.")
        self.retry_after_s = retry_after_s
