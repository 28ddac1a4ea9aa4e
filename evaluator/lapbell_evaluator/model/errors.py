"""One base for every error that the evaluator raises on purpose."""

from typing import Final

__all__ = ["EvaluatorError", "StorageError"]

_ENDS: Final = (".", "!", "?", ":", "\n")


class EvaluatorError(Exception):
    """Something a person can mend.

    Attributes:
        message: what went wrong, and where.
        remedy: what to do about it; empty where the message already says it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        if not self.remedy:
            return self.message
        return f"{self.message}{'' if self.message.endswith(_ENDS) else '.'} {self.remedy}"


class StorageError(EvaluatorError):
    """A disk or a database cannot be read or written now: the same may be asked again later."""
