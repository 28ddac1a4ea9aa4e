"""What can go wrong with the database."""

from lapbell_evaluator.model import StorageError

__all__ = ["DatabaseError", "DatabaseInUseError", "LeaseLostError", "UnavailableError"]


class DatabaseError(StorageError):
    """A transaction failed: nothing of it is written."""


class UnavailableError(DatabaseError):
    """The database cannot be reached or takes nothing now: what was to be written may be written later."""


class DatabaseInUseError(DatabaseError):
    """Another evaluator works on this database."""


class LeaseLostError(DatabaseError):
    """Another evaluator has taken the database over: this one never writes to it again."""
