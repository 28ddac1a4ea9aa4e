"""The life of every alert, from the first breach to the last resolve."""

from lapbell_evaluator.alerts.book import Book, Plan, UnknownIncidentError
from lapbell_evaluator.alerts.fold import Hand
from lapbell_evaluator.alerts.inhibition import Inhibition
from lapbell_evaluator.alerts.machine import TABLE, Event, ImpossibleMoveError, Move
from lapbell_evaluator.alerts.matching import MatcherError, matches, parse_matchers
from lapbell_evaluator.alerts.observation import Observation, Sight, Terms
from lapbell_evaluator.alerts.severity import rank_of
from lapbell_evaluator.alerts.silences import SilenceError, Silences, UnknownSilenceError
from lapbell_evaluator.alerts.step import Step

__all__ = [
    "TABLE",
    "Book",
    "Event",
    "Hand",
    "ImpossibleMoveError",
    "Inhibition",
    "MatcherError",
    "Move",
    "Observation",
    "Plan",
    "Sight",
    "SilenceError",
    "Silences",
    "Step",
    "Terms",
    "UnknownIncidentError",
    "UnknownSilenceError",
    "matches",
    "parse_matchers",
    "rank_of",
]
