"""What goes wrong with history."""

from lapbell_evaluator.model import StorageError

__all__ = ["DamagedError", "HistoryError"]


class HistoryError(StorageError):
    """History cannot be written or read."""


class DamagedError(HistoryError):
    """Bytes on disk are not what was written."""
