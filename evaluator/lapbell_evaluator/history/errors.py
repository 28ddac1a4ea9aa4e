"""What goes wrong with history."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["DamagedError", "HistoryError"]


class HistoryError(EvaluatorError):
    """History cannot be written or read."""


class DamagedError(HistoryError):
    """Bytes on disk are not what was written."""
