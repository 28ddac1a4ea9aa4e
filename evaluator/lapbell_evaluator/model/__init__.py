"""Frozen dataclasses handed between rooms, the clock, the errors."""

from lapbell_evaluator.model.access import LOOPBACK, UNKNOWN, Identity, Role, Tokens
from lapbell_evaluator.model.alert import Alert, Health, Incident, Notice, Reason, State, Transition, incident_key
from lapbell_evaluator.model.alert_views import IncidentView
from lapbell_evaluator.model.batch import Batch
from lapbell_evaluator.model.change import AlertId, AuditEntry, Change
from lapbell_evaluator.model.clock import Clock, SystemClock
from lapbell_evaluator.model.dead_letter import DeadLetter
from lapbell_evaluator.model.errors import EvaluatorError, StorageError
from lapbell_evaluator.model.evidence import (
    BlockedLine,
    CircuitEvidence,
    CommandShare,
    ErrorEvidence,
    EventLoopEvidence,
    Evidence,
    FailureCause,
    HostEvidence,
    InFlightEvidence,
    LatencyEvidence,
    OpenSpan,
    PhaseShare,
    PoolUse,
    PriorityDepth,
    QueueEvidence,
    RedisError,
    RedisEvidence,
    ResponseCount,
    RunningRequest,
    ServerShare,
    TaskShare,
    cause_of,
)
from lapbell_evaluator.model.exemplar import SPAN_ID, TRACE_ID, Exemplar, SeriesExemplars
from lapbell_evaluator.model.figures import AlertFigures
from lapbell_evaluator.model.histogram import CUSTOM_SCHEMA, CounterHint, Histogram
from lapbell_evaluator.model.history import HistoryQuery, Page
from lapbell_evaluator.model.labels import METRIC_NAME, Labels, fingerprint, label_value, labels
from lapbell_evaluator.model.maintenance import Maintenance, MaintenanceState
from lapbell_evaluator.model.notification import Notification
from lapbell_evaluator.model.onset import Onset
from lapbell_evaluator.model.own_machine import is_loopback, is_own_machine
from lapbell_evaluator.model.places import NOWHERE, Places
from lapbell_evaluator.model.postable_alert import EXTERNAL_RULE, PostableAlert
from lapbell_evaluator.model.query import QueryResult, RangeResult, RangeSeries, RawSample, Sample, ValueKind
from lapbell_evaluator.model.reading import Reading, ReadingKind
from lapbell_evaluator.model.receiver import NOBODY, QuietHours, ReceiverPolicy, Recipients, everyone
from lapbell_evaluator.model.rule import ALERT_NAME, SEVERITY, OnError, OnNoData, Rule, RuleGroup, RuleKind
from lapbell_evaluator.model.rule_status import AlertView, GroupView, RuleStatus, RuleView
from lapbell_evaluator.model.severity import rank_of
from lapbell_evaluator.model.silence import InhibitRule, LabelMatcher, Muted, Muter, Silence, SilenceState
from lapbell_evaluator.model.steady_clock import SteadyClock
from lapbell_evaluator.model.storm import DifferingLabel, Storm, storm_id, storm_of
from lapbell_evaluator.model.timeline import DeliveryView, Timeline
from lapbell_evaluator.model.trace import IncidentTrace, Span, SpanEvent, Trace, TraceRole, TraceView
from lapbell_evaluator.model.trace_link import trace_link

__all__ = [
    "ALERT_NAME",
    "CUSTOM_SCHEMA",
    "EXTERNAL_RULE",
    "LOOPBACK",
    "METRIC_NAME",
    "NOBODY",
    "NOWHERE",
    "SEVERITY",
    "SPAN_ID",
    "TRACE_ID",
    "UNKNOWN",
    "Alert",
    "AlertFigures",
    "AlertId",
    "AlertView",
    "AuditEntry",
    "Batch",
    "BlockedLine",
    "Change",
    "CircuitEvidence",
    "Clock",
    "CommandShare",
    "CounterHint",
    "DeadLetter",
    "DeliveryView",
    "DifferingLabel",
    "ErrorEvidence",
    "EvaluatorError",
    "EventLoopEvidence",
    "Evidence",
    "Exemplar",
    "FailureCause",
    "GroupView",
    "Health",
    "Histogram",
    "HistoryQuery",
    "HostEvidence",
    "Identity",
    "InFlightEvidence",
    "Incident",
    "IncidentTrace",
    "IncidentView",
    "InhibitRule",
    "LabelMatcher",
    "Labels",
    "LatencyEvidence",
    "Maintenance",
    "MaintenanceState",
    "Muted",
    "Muter",
    "Notice",
    "Notification",
    "OnError",
    "OnNoData",
    "Onset",
    "OpenSpan",
    "Page",
    "PhaseShare",
    "Places",
    "PoolUse",
    "PostableAlert",
    "PriorityDepth",
    "QueryResult",
    "QueueEvidence",
    "QuietHours",
    "RangeResult",
    "RangeSeries",
    "RawSample",
    "Reading",
    "ReadingKind",
    "Reason",
    "ReceiverPolicy",
    "Recipients",
    "RedisError",
    "RedisEvidence",
    "ResponseCount",
    "Role",
    "Rule",
    "RuleGroup",
    "RuleKind",
    "RuleStatus",
    "RuleView",
    "RunningRequest",
    "Sample",
    "SeriesExemplars",
    "ServerShare",
    "Silence",
    "SilenceState",
    "Span",
    "SpanEvent",
    "State",
    "SteadyClock",
    "StorageError",
    "Storm",
    "SystemClock",
    "TaskShare",
    "Timeline",
    "Tokens",
    "Trace",
    "TraceRole",
    "TraceView",
    "Transition",
    "ValueKind",
    "cause_of",
    "everyone",
    "fingerprint",
    "incident_key",
    "is_loopback",
    "is_own_machine",
    "label_value",
    "labels",
    "rank_of",
    "storm_id",
    "storm_of",
    "trace_link",
]
