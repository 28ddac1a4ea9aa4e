"""One base for every error that the evaluator raises on purpose."""

__all__ = ["EvaluatorError"]


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
        return f"{self.message} {self.remedy}".rstrip()
