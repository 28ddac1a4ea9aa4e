"""What was received and what rules made of it, on disk: it survives a restart, and answers for weeks."""

from lapbell_evaluator.history.check import check, info
from lapbell_evaluator.history.errors import HistoryError
from lapbell_evaluator.history.history import History, HistorySettings
from lapbell_evaluator.history.recording import Recording

__all__ = ["History", "HistoryError", "HistorySettings", "Recording", "check", "info"]
