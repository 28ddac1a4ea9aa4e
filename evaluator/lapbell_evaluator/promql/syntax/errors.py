"""What is wrong with an expression, and where."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["PromqlError"]


class PromqlError(EvaluatorError):
    """An expression that cannot be read, or whose evaluation has no answer.

    Attributes:
        line: where, from 1; 0 where it is about no place.
        column: where in the line, from 1.
        reason: what is wrong, without the place.
    """

    def __init__(self, reason: str, line: int = 0, column: int = 0, remedy: str = "") -> None:
        place = f"{line}:{column}: " if line else ""
        super().__init__(f"{place}{reason}", remedy)
        self.line = line
        self.column = column
        self.reason = reason
