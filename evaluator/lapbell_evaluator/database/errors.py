"""What can go wrong with the database."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["DatabaseError", "DatabaseInUseError"]


class DatabaseError(EvaluatorError):
    """A transaction failed: nothing of it is written."""


class DatabaseInUseError(DatabaseError):
    """Another evaluator works on this database."""
