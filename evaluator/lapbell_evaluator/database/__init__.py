"""Alert state, history and outbox on SQLite or PostgreSQL."""

from lapbell_evaluator.database.database import Database
from lapbell_evaluator.database.errors import DatabaseError, DatabaseInUseError, LeaseLostError

__all__ = ["Database", "DatabaseError", "DatabaseInUseError", "LeaseLostError"]
