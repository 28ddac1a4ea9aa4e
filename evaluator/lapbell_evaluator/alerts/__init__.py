"""The life of every alert, from the first breach to the last resolve."""

from lapbell_evaluator.alerts.condition import AlertPolicy, Condition, EvaluationResult
from lapbell_evaluator.alerts.incidents import ManualAction
from lapbell_evaluator.alerts.inhibition import Inhibition
from lapbell_evaluator.alerts.machine import TABLE, Event, ImpossibleMoveError, Move
from lapbell_evaluator.alerts.matching import MatcherError, matches, parse_matchers
from lapbell_evaluator.alerts.severity import rank_of
from lapbell_evaluator.alerts.silences import SilenceError, Silences, UnknownSilenceError
from lapbell_evaluator.alerts.step import Step
from lapbell_evaluator.alerts.store import AlertStore, ChangeSet, UnknownIncidentError

__all__ = [
    "TABLE",
    "AlertPolicy",
    "AlertStore",
    "ChangeSet",
    "Condition",
    "EvaluationResult",
    "Event",
    "ImpossibleMoveError",
    "Inhibition",
    "ManualAction",
    "MatcherError",
    "Move",
    "SilenceError",
    "Silences",
    "Step",
    "UnknownIncidentError",
    "UnknownSilenceError",
    "matches",
    "parse_matchers",
    "rank_of",
]
