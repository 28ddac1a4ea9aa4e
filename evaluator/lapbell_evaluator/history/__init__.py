"""What was received, on disk: it survives a restart, and answers for weeks."""

from lapbell_evaluator.history.check import HistoryInfo, check, info
from lapbell_evaluator.history.errors import DamagedError, HistoryError
from lapbell_evaluator.history.history import History, HistorySettings

__all__ = ["DamagedError", "History", "HistoryError", "HistoryInfo", "HistorySettings", "check", "info"]
