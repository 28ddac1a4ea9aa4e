"""Frozen parcels handed between rooms, the clock, the errors."""

from lapbell_evaluator.model.access import Role, Tokens, is_loopback
from lapbell_evaluator.model.batch import Batch
from lapbell_evaluator.model.clock import Clock, SystemClock
from lapbell_evaluator.model.errors import EvaluatorError
from lapbell_evaluator.model.labels import METRIC_NAME, Labels, fingerprint, labels
from lapbell_evaluator.model.query import QueryResult, RangeSeries, Sample

__all__ = [
    "METRIC_NAME",
    "Batch",
    "Clock",
    "EvaluatorError",
    "Labels",
    "QueryResult",
    "RangeSeries",
    "Role",
    "Sample",
    "SystemClock",
    "Tokens",
    "fingerprint",
    "is_loopback",
    "labels",
]
