"""The life of every alert, from the first breach to the last resolve."""

from lapbell_evaluator.alerts.change_set import ChangeSet
from lapbell_evaluator.alerts.condition import AlertPolicy, Condition, EvaluationResult
from lapbell_evaluator.alerts.incident_table import INCIDENT_TABLE, IncidentEvent, News
from lapbell_evaluator.alerts.incidents import ManualAction
from lapbell_evaluator.alerts.inhibition import Inhibition
from lapbell_evaluator.alerts.judging import judged
from lapbell_evaluator.alerts.machine import TABLE, Event, ImpossibleMoveError
from lapbell_evaluator.alerts.maintenance import MaintenanceError, MaintenanceWindows, check_maintenance
from lapbell_evaluator.alerts.matching import MatcherError, check, matches, parse_filter, parse_matchers, shown
from lapbell_evaluator.alerts.recently_resolved import RESOLVED_RETENTION_S
from lapbell_evaluator.alerts.recovering import due_at
from lapbell_evaluator.alerts.silences import SilenceError, Silences, UnknownSilenceError
from lapbell_evaluator.alerts.step import Step
from lapbell_evaluator.alerts.store import AlertStore, ResultsByRule, UnknownIncidentError
from lapbell_evaluator.alerts.storms import Marks

__all__ = [
    "INCIDENT_TABLE",
    "RESOLVED_RETENTION_S",
    "TABLE",
    "AlertPolicy",
    "AlertStore",
    "ChangeSet",
    "Condition",
    "EvaluationResult",
    "Event",
    "ImpossibleMoveError",
    "IncidentEvent",
    "Inhibition",
    "MaintenanceError",
    "MaintenanceWindows",
    "ManualAction",
    "Marks",
    "MatcherError",
    "News",
    "ResultsByRule",
    "SilenceError",
    "Silences",
    "Step",
    "UnknownIncidentError",
    "UnknownSilenceError",
    "check",
    "check_maintenance",
    "due_at",
    "judged",
    "matches",
    "parse_filter",
    "parse_matchers",
    "shown",
]
