"""What is to blame for an alert, in one line for people."""

from lapbell_evaluator.model.evidence.evidence import Evidence
from lapbell_evaluator.model.evidence.latency import BlockedLine
from lapbell_evaluator.model.evidence.queue import QueueEvidence
from lapbell_evaluator.model.evidence.redis import RedisEvidence

__all__ = ["cause_of"]


def cause_of(evidence: Evidence) -> str | None:
    """The cause that has the largest share; None where nothing is known to blame."""
    causes = (
        _of_errors(evidence),
        _of_latency(evidence),
        None if evidence.redis is None else _of_redis(evidence.redis),
        _of_running(evidence),
        None if evidence.queue is None else _of_queue(evidence.queue),
        _of_machine(evidence),
        _of_circuit(evidence),
    )
    return next((cause for cause in causes if cause), None)


def _of_errors(evidence: Evidence) -> str | None:
    if evidence.errors is None or not evidence.errors.causes:
        return None
    cause = evidence.errors.causes[0]
    return f"{cause}, {cause.share:.0%} of the failures"


def _of_latency(evidence: Evidence) -> str | None:
    """The phase with the largest share; where that is the wait for the event loop, the line that blocks it."""
    if not evidence.blame:
        return None
    latency, largest = evidence.latency, evidence.blame[0]
    if latency is not None and latency.explained_by is not None and largest == latency.event_loop:
        return _blocked(latency.explained_by)
    return f"{largest.phase}, {largest.share:.0%} of the excess"


def _of_redis(evidence: RedisEvidence) -> str | None:
    if evidence.errors:
        error = evidence.errors[0]
        name = f"{error.name} ({error.error_type})" if error.name else error.error_type
        return f"{name} in {error.command}, {error.share:.0%} of the failures"
    full = next((pool for pool in evidence.pools if pool.is_exhausted), None)
    if full is not None:
        return f"all {full.used:.0f} connections of the pool {full.pool} are in use"
    if not evidence.commands:
        return None
    command = evidence.commands[0]
    return f"{command.command}, {command.share:.0%} of the excess"


def _of_queue(evidence: QueueEvidence) -> str | None:
    fullest = next((depth for depth in evidence.priorities if depth.ready), None)
    is_deserted = fullest is not None and evidence.workers == 0
    failing = next((task for task in evidence.tasks if task.failed), None)
    if failing is not None and not is_deserted:
        return f"{failing.error_type} in {failing.task}, {failing.failed:.0f} of {failing.count:.0f} tasks"
    if fullest is None:
        return None
    gone = "its workers are gone: " if is_deserted else ""
    oldest = "" if fullest.oldest_s is None else f", the oldest for {fullest.oldest_s:.0f} s"
    return f"{gone}{fullest.ready:.0f} messages wait{f' in {fullest.priority}' if fullest.priority else ''}{oldest}"


def _of_machine(evidence: Evidence) -> str | None:
    if evidence.host is None:
        return None
    return evidence.host.name or evidence.host.container or evidence.host.id or None


def _of_running(evidence: Evidence) -> str | None:
    if evidence.in_flight is not None and evidence.in_flight.oldest:
        oldest = evidence.in_flight.oldest[0]
        what = oldest.task or oldest.phase or "a request"
        return f"{what} has run for {oldest.age_s:.0f} s"
    if evidence.event_loop is not None and evidence.event_loop.lines:
        return _blocked(evidence.event_loop.lines[0])
    return None


def _of_circuit(evidence: Evidence) -> str | None:
    circuit = evidence.circuit
    if circuit is None:
        return None
    what = f"the breaker {circuit.name} is open"
    return f"{what}: {circuit.errors[0].name or circuit.errors[0].error_type}" if circuit.errors else what


def _blocked(line: BlockedLine) -> str:
    return f"the event loop is blocked by {line}"
