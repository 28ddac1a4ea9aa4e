"""Which incident explains which: by the time on critical paths, failing spans and the state of queues.

One table says of which topics one may explain the other, and what the evidence must say for it. A cause always stands
above its effect in `Topic`, or is the older one of the same topic, so that nothing explains itself by a detour. Half of
the excess, or of the failures, is enough: no other cause can have more.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence import shares
from lapbell_evaluator.evidence.subject import Subject, Topic
from lapbell_evaluator.model import Incident, Places, is_loopback
from lapbell_evaluator.model.prometheus_names import label

__all__ = ["Explanations"]

_HALF: Final = 0.5
_MOST_READ: Final = 4_096
_TIMEOUT: Final = "timeout"
_PRIORITY: Final = label(semconv.MESSAGING_QUEUE_PRIORITY)
_QUEUES: Final = "queues"
_ABOUT_REQUESTS: Final = (Topic.LATENCY, Topic.ERRORS, Topic.STUCK)
_ABOUT_REDIS: Final = (Topic.REDIS_ERRORS, Topic.REDIS_LATENCY)
_ABOUT_QUEUES: Final = (
    Topic.TASK_STUCK,
    Topic.STALLED,
    Topic.TASK_TIME,
    Topic.DEPTH,
    Topic.AGE,
    Topic.UTILISATION,
    Topic.BACKPRESSURE,
)


class Explanations:
    """What explains what; incidents are read once, however many others they are held against."""

    def __init__(self) -> None:
        self._subjects: dict[int, Subject] = {}

    def explains(self, cause: Incident, symptom: Incident) -> bool:
        """Whether one incident is the cause of another, as far as their evidence shows."""
        why, effect = self._subject(cause), self._subject(symptom)
        judge = _TABLE.get((why.topic, effect.topic))
        return judge is not None and cause.id != symptom.id and judge(why, effect)

    def places(self, incident: Incident) -> Places:
        """Where an incident may explain others or be explained, and what requests of its service have in common.

        Incidents that began together and blame the same have one cause, although no incident may tell of it yet.
        """
        own = self._subject(incident)
        return Places(_explains_at(own), _explained_at(own), _blamed(own))

    def _subject(self, incident: Incident) -> Subject:
        """What an incident is about; a subject holds its incident, so that nothing else has its identity."""
        known = self._subjects.get(id(incident))
        if known is None or known.incident is not incident:
            if len(self._subjects) >= _MOST_READ:
                self._subjects.clear()
            known = self._subjects[id(incident)] = Subject.of(incident)
        return known


def _explains_at(own: Subject) -> tuple[str, ...]:
    match own.topic:
        case Topic.REDIS_ERRORS:
            return (*_job(own), *_server(own), _QUEUES)
        case Topic.REDIS_LATENCY:
            return (*_job(own), *_server(own))
        case Topic.REDIS_CIRCUIT | Topic.CIRCUIT | Topic.EVENT_LOOP:
            return _job(own)
        case Topic.LATENCY | Topic.STUCK:
            return _route(own)
    return _queue(own) if own.topic in _ABOUT_QUEUES else ()


def _explained_at(own: Subject) -> tuple[str, ...]:
    if own.topic in _ABOUT_REQUESTS:
        return (*_job(own), *_route(own))
    if own.topic in _ABOUT_REDIS:
        return (*_job(own), *_server(own))
    if own.topic is Topic.REDIS_CIRCUIT:
        return _job(own)
    if own.topic is Topic.TASK_FAILURES:
        return (_QUEUES,)
    return _queue(own) if own.topic in _ABOUT_QUEUES else ()


def _blamed(own: Subject) -> str:
    if own.topic in _ABOUT_REQUESTS:
        if _is_of_redis(own):
            return f"{semconv.REDIS}\0{own.job}"
        if _is_of_loop(own):
            return f"{semconv.PHASE_EVENT_LOOP}\0{own.job}"
    return ""


def _job(own: Subject) -> tuple[str, ...]:
    return (f"job\0{own.job}",) if own.job else ()


def _route(own: Subject) -> tuple[str, ...]:
    return (f"route\0{own.job}\0{own.route}",) if own.route else ()


def _queue(own: Subject) -> tuple[str, ...]:
    return ("\0".join(("queue", *own.queue)),) if own.queue[-1] else ()


def _server(own: Subject) -> tuple[str, ...]:
    """A server that several services may use: an address of one machine alone, or a socket, says not which machine."""
    address, port = own.server.address, own.server.port
    return (f"server\0{address}\0{port}",) if address and port and not is_loopback(address) else ()


def _is_of_redis(symptom: Subject, cause: Subject | None = None) -> bool:
    """Whether requests wait for Redis, or fail by it; of a server if the cause is about one."""
    server = "" if cause is None or not cause.server.address else f"{cause.server.address}:{cause.server.port}"
    match symptom.topic:
        case Topic.ERRORS:
            given_up = shares.abandoned_in(symptom.evidence, semconv.PHASE_REDIS_OPERATION)
            return shares.failing_in_redis(symptom.evidence, server) + given_up >= _HALF
        case Topic.LATENCY:
            waits = shares.of_phase(symptom.evidence, semconv.PHASE_REDIS_OPERATION)
            return waits >= _HALF and shares.of_server(symptom.evidence, server) >= _HALF
    return shares.running_in(symptom.evidence, semconv.PHASE_REDIS_OPERATION) >= _HALF


def _is_of_loop(symptom: Subject) -> bool:
    match symptom.topic:
        case Topic.ERRORS:
            return shares.abandoned_in(symptom.evidence, semconv.PHASE_EVENT_LOOP) >= _HALF
        case Topic.LATENCY:
            return shares.of_phase(symptom.evidence, semconv.PHASE_EVENT_LOOP) >= _HALF
    return shares.running_in(symptom.evidence, semconv.PHASE_EVENT_LOOP) >= _HALF


def _by_redis(cause: Subject, symptom: Subject) -> bool:
    return cause.job == symptom.job and _is_of_redis(symptom, cause)


def _by_loop(cause: Subject, symptom: Subject) -> bool:
    return cause.job == symptom.job and _is_of_loop(symptom)


def _by_redis_circuit(cause: Subject, symptom: Subject) -> bool:
    """Requests that fail while the circuit is open were not let to Redis, or were the ones that opened it."""
    failing = shares.failing_in_redis(symptom.evidence, "") + shares.failing_by_circuits(symptom.evidence)
    return cause.job == symptom.job and failing >= _HALF


def _by_circuit(cause: Subject, symptom: Subject) -> bool:
    return cause.job == symptom.job and shares.failing_by_circuits(symptom.evidence) >= _HALF


def _older_of_server(cause: Subject, symptom: Subject) -> bool:
    """The same server, of the same service or by an address that means the same to all."""
    if cause.job != symptom.job:
        is_same = bool(_server(cause)) and _server(cause) == _server(symptom)
    else:
        is_same = cause.server == symptom.server
    return is_same and cause.began_shortly_before(symptom)


def _fails(cause: Subject, symptom: Subject) -> bool:
    """The command that is slow is one that fails."""
    commands = {error.command for part in (cause, symptom) for error in shares.redis_errors(part.evidence)}
    command = dict(symptom.incident.labels).get(label(semconv.DB_OPERATION_NAME), "")
    return cause.server == symptom.server and command in commands


def _opened_by_errors(cause: Subject, symptom: Subject) -> bool:
    return cause.job == symptom.job and bool(shares.redis_errors(symptom.evidence))


def _opened_by_timeouts(cause: Subject, symptom: Subject) -> bool:
    names = {error.name for error in shares.redis_errors(symptom.evidence)}
    return cause.job == symptom.job and _TIMEOUT in names


def _same_phase(cause: Subject, symptom: Subject) -> bool:
    """Requests of the route hang, or are given up, in the phase that also took the time."""
    phase = cause.evidence.phase
    if phase is None or (cause.job, cause.route) != (symptom.job, symptom.route):
        return False
    if symptom.topic is Topic.LATENCY:
        return shares.of_phase(symptom.evidence, phase) >= _HALF
    return shares.abandoned_in(symptom.evidence, phase) >= _HALF


def _tasks_fail(cause: Subject, symptom: Subject) -> bool:
    """Most tasks that fail do so with an error of the client library that Redis' operations fail with."""
    error_types = {error.error_type.rpartition(".")[2] for error in shares.redis_errors(cause.evidence)}
    return shares.tasks_failing_by_redis(symptom.evidence, error_types) >= _HALF


def _nothing_is_taken(cause: Subject, symptom: Subject) -> bool:
    return cause.queue == symptom.queue


def _all_are_busy(cause: Subject, symptom: Subject) -> bool:
    """No worker is left for what comes: the tasks that run are why the others wait."""
    return cause.queue == symptom.queue and shares.busy_workers(symptom.evidence) >= 1.0


def _messages_wait(cause: Subject, symptom: Subject) -> bool:
    priority = dict(symptom.incident.labels).get(_PRIORITY) if symptom.topic is Topic.AGE else None
    return cause.queue == symptom.queue and shares.messages_wait(symptom.evidence, priority)


def _older_of_queue(cause: Subject, symptom: Subject) -> bool:
    return cause.queue == symptom.queue and cause.began_shortly_before(symptom)


_Judge = Callable[[Subject, Subject], bool]
_BEHIND: Final = (Topic.DEPTH, Topic.AGE, Topic.UTILISATION, Topic.BACKPRESSURE)
_TABLE: Final[Mapping[tuple[Topic, Topic], _Judge]] = MappingProxyType(
    {
        (Topic.REDIS_ERRORS, Topic.REDIS_ERRORS): _older_of_server,
        (Topic.REDIS_ERRORS, Topic.REDIS_LATENCY): _fails,
        (Topic.REDIS_ERRORS, Topic.REDIS_CIRCUIT): _opened_by_errors,
        (Topic.REDIS_ERRORS, Topic.TASK_FAILURES): _tasks_fail,
        **{(Topic.REDIS_ERRORS, symptom): _by_redis for symptom in _ABOUT_REQUESTS},
        (Topic.REDIS_LATENCY, Topic.REDIS_LATENCY): _older_of_server,
        (Topic.REDIS_LATENCY, Topic.REDIS_CIRCUIT): _opened_by_timeouts,
        **{(Topic.REDIS_LATENCY, symptom): _by_redis for symptom in _ABOUT_REQUESTS},
        (Topic.REDIS_CIRCUIT, Topic.ERRORS): _by_redis_circuit,
        (Topic.REDIS_CIRCUIT, Topic.LATENCY): _by_redis,
        (Topic.CIRCUIT, Topic.ERRORS): _by_circuit,
        **{(Topic.EVENT_LOOP, symptom): _by_loop for symptom in _ABOUT_REQUESTS},
        (Topic.STUCK, Topic.LATENCY): _same_phase,
        (Topic.STUCK, Topic.ERRORS): _same_phase,
        (Topic.LATENCY, Topic.ERRORS): _same_phase,
        (Topic.TASK_STUCK, Topic.STALLED): _nothing_is_taken,
        **{(Topic.TASK_STUCK, symptom): _all_are_busy for symptom in _BEHIND},
        (Topic.STALLED, Topic.UTILISATION): _all_are_busy,
        **{(Topic.STALLED, symptom): _messages_wait for symptom in (Topic.DEPTH, Topic.AGE, Topic.BACKPRESSURE)},
        **{(Topic.TASK_TIME, symptom): _all_are_busy for symptom in _BEHIND},
        **{(Topic.DEPTH, symptom): _messages_wait for symptom in (Topic.AGE, Topic.UTILISATION, Topic.BACKPRESSURE)},
        (Topic.AGE, Topic.AGE): _older_of_queue,
        **{(Topic.AGE, symptom): _messages_wait for symptom in (Topic.UTILISATION, Topic.BACKPRESSURE)},
        (Topic.UTILISATION, Topic.BACKPRESSURE): _all_are_busy,
    }
)
