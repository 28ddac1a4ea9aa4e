"""Evidence: a dataclass for each kind of alert; what was not measured is None, or an empty tuple."""

from lapbell_evaluator.model.evidence.cause import cause_of
from lapbell_evaluator.model.evidence.evidence import Evidence
from lapbell_evaluator.model.evidence.failures import ErrorEvidence, FailureCause, ResponseCount
from lapbell_evaluator.model.evidence.host import HostEvidence
from lapbell_evaluator.model.evidence.latency import (
    BlockedLine,
    EventLoopEvidence,
    LatencyEvidence,
    PhaseShare,
    ServerShare,
)
from lapbell_evaluator.model.evidence.queue import PriorityDepth, QueueEvidence, TaskShare
from lapbell_evaluator.model.evidence.redis import CircuitEvidence, CommandShare, PoolUse, RedisError, RedisEvidence
from lapbell_evaluator.model.evidence.running import InFlightEvidence, OpenSpan, RunningRequest

__all__ = [
    "BlockedLine",
    "CircuitEvidence",
    "CommandShare",
    "ErrorEvidence",
    "EventLoopEvidence",
    "Evidence",
    "FailureCause",
    "HostEvidence",
    "InFlightEvidence",
    "LatencyEvidence",
    "OpenSpan",
    "PhaseShare",
    "PoolUse",
    "PriorityDepth",
    "QueueEvidence",
    "RedisError",
    "RedisEvidence",
    "ResponseCount",
    "RunningRequest",
    "ServerShare",
    "TaskShare",
    "cause_of",
]
