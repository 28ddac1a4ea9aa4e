"""What can be wrong with the notation of test files."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["NotationError"]


class NotationError(EvaluatorError):
    """An input series that can't be read."""
