"""What the exit codes mean."""

from enum import IntEnum

from lapbell_evaluator.model import EvaluatorError

__all__ = ["Exit", "UnreachableError"]


class Exit(IntEnum):
    """Exit codes of every verb."""

    FINE = 0
    FAILED = 1
    USAGE = 2
    LINT = 3
    UNREACHABLE = 4


class UnreachableError(EvaluatorError):
    """No evaluator answers."""

    exit_code = Exit.UNREACHABLE
