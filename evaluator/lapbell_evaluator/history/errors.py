"""What goes wrong with history."""

from lapbell_evaluator.model import StorageError

__all__ = ["DamagedError", "HistoryError"]


class HistoryError(StorageError):
    """History cannot be written or read.

    Attributes:
        is_damage: because its file is damaged, or is no history at all.
    """

    def __init__(self, message: str, remedy: str = "", *, is_damage: bool = False) -> None:
        super().__init__(message, remedy)
        self.is_damage = is_damage


class DamagedError(HistoryError):
    """Bytes on disk are not what was written."""

    def __init__(self, message: str) -> None:
        super().__init__(message, is_damage=True)
