"""Which incident explains which: pairs of the table with evidence that says so, and with evidence that does not."""

from dataclasses import replace

import pytest

from lapbell_evaluator.evidence import Explanations
from lapbell_evaluator.model import (
    CircuitEvidence,
    ErrorEvidence,
    EventLoopEvidence,
    Evidence,
    FailureCause,
    Incident,
    InFlightEvidence,
    LatencyEvidence,
    PhaseShare,
    PriorityDepth,
    QueueEvidence,
    RedisError,
    RedisEvidence,
    RunningRequest,
    ServerShare,
    TaskShare,
)
from problem_kit import incident

SERVER = {"server_address": "redis.internal", "server_port": "6379"}
OTHER = {"server_address": "other.internal", "server_port": "6379"}
AT, AT_OTHER = "redis.internal:6379", "other.internal:6379"
QUEUE = {"messaging_system": "redis", "messaging_destination_name": "tasks"}
ROUTE = {"http_route": "/w"}
REFUSED = (RedisError("GET", "redis.exceptions.ConnectionError", "connection refused", 30, 1.0),)
TIMED_OUT = (RedisError("GET", "redis.exceptions.TimeoutError", "timeout", 30, 1.0),)


def slow(phase: str, share: float = 0.9, servers: dict[str, float] | None = None) -> Evidence:
    """Requests take longer, most of it in a phase."""
    known = tuple(ServerShare(*pair) for pair in (servers or {}).items())
    rest = PhaseShare("business_logic", 1 - share, 0.1)
    return Evidence((PhaseShare(phase, share, 1.0), rest), latency=LatencyEvidence(redis_servers=known))


def failing(**causes: float) -> Evidence:
    """Requests fail, by share of each named cause."""
    kinds = {
        "redis": FailureCause(0, 9, "redis.exceptions.ConnectionError", system="redis", server=AT),
        "code": FailureCause(0, 9, "ValueError", phase="validation"),
        "circuit": FailureCause(0, 9, "pybreaker.CircuitBreakerError"),
        "gone_in_redis": FailureCause(0, 9, "abandoned", phase="redis_operation"),
        "gone_in_loop": FailureCause(0, 9, "abandoned", phase="event_loop"),
        "gone_in_signature": FailureCause(0, 9, "abandoned", phase="signature_validation"),
    }
    shown = tuple(replace(kinds[name], share=share) for name, share in causes.items())
    return Evidence(errors=ErrorEvidence(shown, 9))


def stuck(*phases: str) -> Evidence:
    running = tuple(RunningRequest(f"{number:032x}", 0.0, 9.0, "/w", "", phase) for number, phase in enumerate(phases))
    return Evidence(in_flight=InFlightEvidence(running))


def queue(ready: float = 9.0, workers: float | None = 2.0, busy: float | None = 2.0, *tasks: TaskShare) -> Evidence:
    return Evidence(queue=QueueEvidence((PriorityDepth("", ready),), tasks, workers, busy))


def task(error_type: str, failed: float) -> TaskShare:
    return TaskShare("send", 1.0, 0.1, 10.0, failed, error_type)


REDIS = {"category": "redis"} | SERVER
LOOPBACK = {"category": "redis", "server_address": "localhost", "server_port": "6379"}
GET, SET = ({"db_operation_name": command} | SERVER for command in ("GET", "SET"))
REDIS_DOWN = incident("RedisFailureRate", Evidence(redis=RedisEvidence(REFUSED)), REDIS)
REDIS_DOWN_ELSEWHERE = incident("RedisFailureRate", None, REDIS, job="worker", fired_at=11)
REDIS_SLOW = incident("RedisLatency", Evidence(redis=RedisEvidence()), GET)
GET_FAILS = incident("RedisLatency", Evidence(redis=RedisEvidence(REFUSED)), GET)
SET_SLOW = incident("RedisLatency", None, SET, fired_at=11)
CIRCUIT = incident("RedisCircuitOpen", Evidence(circuit=CircuitEvidence("redis", True, 1, 1, REFUSED)))
SLOW_CIRCUIT = incident("RedisCircuitOpen", Evidence(circuit=CircuitEvidence("redis", True, 1, 1, TIMED_OUT)))
OTHER_CIRCUIT = incident("CircuitOpen", Evidence(circuit=CircuitEvidence("stripe", False, 1, 1)))
BLOCKED = incident("EventLoopBlocked", Evidence(event_loop=EventLoopEvidence()))
STUCK_IN_REDIS = incident("WebhookStuck", stuck("redis_operation", "redis_operation"), ROUTE)
STUCK_IN_LOOP = incident("WebhookStuck", stuck("event_loop"), ROUTE)
STUCK_IN_SIGNATURE = incident("WebhookStuck", stuck("signature_validation"), ROUTE)


def latency(evidence: Evidence | None, route: str = "/w") -> Incident:
    return incident("WebhookResponseTime", evidence, {"http_route": route})


def errors(evidence: Evidence | None, job: str = "app") -> Incident:
    return incident("WebhookErrorRate", evidence, ROUTE, job=job)


def of_queue(name: str, evidence: Evidence | None = None, destination: str = "tasks") -> Incident:
    own = QUEUE | {"messaging_destination_name": destination}
    return incident(name, queue() if evidence is None else evidence, own, job="")


EXPLAINED = {
    "Redis down, requests fail in it": (REDIS_DOWN, errors(failing(redis=0.8, code=0.2))),
    "Redis down, clients went away meanwhile": (REDIS_DOWN, errors(failing(redis=0.3, gone_in_redis=0.4))),
    "Redis down, requests wait for it": (REDIS_DOWN, latency(slow("redis_operation"))),
    "Redis down, requests hang in it": (REDIS_DOWN, STUCK_IN_REDIS),
    "Redis down, its command is slow": (REDIS_DOWN, GET_FAILS),
    "Redis down, the circuit opened": (REDIS_DOWN, CIRCUIT),
    "Redis down, for the worker too": (REDIS_DOWN, REDIS_DOWN_ELSEWHERE),
    "Redis down, tasks fail in it": (
        REDIS_DOWN,
        of_queue("TaskFailureRate", queue(9, 2, 2, task("redis.exceptions.ConnectionError", 9), task("KeyError", 1))),
    ),
    "Redis slow, requests wait for it": (REDIS_SLOW, latency(slow("redis_operation", servers={AT: 0.9}))),
    "Redis slow, another command too": (REDIS_SLOW, SET_SLOW),
    "Redis slow, timeouts opened the circuit": (REDIS_SLOW, SLOW_CIRCUIT),
    "Redis slow, requests fail in it": (REDIS_SLOW, errors(failing(redis=0.6, code=0.4))),
    "circuit open, requests are refused": (CIRCUIT, errors(failing(circuit=0.4, redis=0.3, code=0.3))),
    "circuit open, requests waited": (CIRCUIT, latency(slow("redis_operation"))),
    "another circuit open, requests are refused": (OTHER_CIRCUIT, errors(failing(circuit=0.9, code=0.1))),
    "loop blocked, requests wait": (BLOCKED, latency(slow("event_loop"))),
    "loop blocked, clients went away": (BLOCKED, errors(failing(gone_in_loop=0.9, code=0.1))),
    "loop blocked, requests hang": (BLOCKED, STUCK_IN_LOOP),
    "requests hang, and end late": (STUCK_IN_SIGNATURE, latency(slow("signature_validation"))),
    "requests hang, and are given up": (STUCK_IN_SIGNATURE, errors(failing(gone_in_signature=0.8, code=0.2))),
    "requests are slow, and given up": (
        latency(slow("signature_validation")),
        errors(failing(gone_in_signature=0.8, code=0.2)),
    ),
    "a task hangs, nothing is taken": (of_queue("TaskStuck"), of_queue("TaskQueueStalled")),
    "tasks hang in every worker": (of_queue("TaskStuck"), of_queue("TaskQueueDepth")),
    "workers gone, messages wait": (of_queue("TaskQueueStalled"), of_queue("TaskQueueDepth", queue(9, 0, 0))),
    "workers gone, messages are old": (of_queue("TaskQueueStalled"), of_queue("TaskQueueAge", queue(9, 0, 0))),
    "tasks take long, messages wait": (of_queue("TaskProcessingTime"), of_queue("TaskQueueAge")),
    "messages wait, and are old": (of_queue("TaskQueueDepth"), of_queue("TaskQueueAge")),
    "messages are old, workers are busy": (of_queue("TaskQueueAge"), of_queue("WorkerUtilization")),
    "workers are busy, the queue falls behind": (of_queue("WorkerUtilization"), of_queue("TaskQueueBackpressure")),
}
NOT_EXPLAINED = {
    "the other way round": (errors(failing(redis=0.9)), REDIS_DOWN),
    "nothing is known yet": (REDIS_DOWN, errors(None)),
    "it is the same": (REDIS_DOWN, REDIS_DOWN),
    "Redis down, requests fail by themselves": (REDIS_DOWN, errors(failing(redis=0.3, code=0.7))),
    "Redis slow, requests are slow in business logic": (REDIS_SLOW, latency(slow("redis_operation", 0.3))),
    "Redis slow, requests wait for another server": (
        REDIS_SLOW,
        latency(slow("redis_operation", servers={AT_OTHER: 0.9, AT: 0.1})),
    ),
    "another Redis down, requests fail in this one": (
        incident("RedisFailureRate", None, OTHER),
        errors(failing(redis=0.9)),
    ),
    "another service's Redis": (incident("RedisFailureRate", None, SERVER, job="bot"), errors(failing(redis=0.9))),
    "a loopback address of two services may be two servers": (
        incident("RedisFailureRate", None, LOOPBACK),
        incident("RedisFailureRate", None, LOOPBACK, job="worker", fired_at=11),
    ),
    "Redis down, another command is slow": (REDIS_DOWN, SET_SLOW),
    "Redis slow, an old one does not explain a new one": (replace(REDIS_SLOW, fired_at=-1_000.0), SET_SLOW),
    "Redis slow, errors opened the circuit": (REDIS_SLOW, CIRCUIT),
    "Redis down, tasks fail by themselves": (
        REDIS_DOWN,
        of_queue("TaskFailureRate", queue(9, 2, 2, task("KeyError", 9))),
    ),
    "a circuit is open, requests fail by themselves": (OTHER_CIRCUIT, errors(failing(code=1.0))),
    "loop blocked, requests are slow in a phase": (BLOCKED, latency(slow("signature_validation"))),
    "requests of another route hang": (
        incident("WebhookStuck", stuck("signature_validation"), {"http_route": "/other"}),
        latency(slow("signature_validation")),
    ),
    "requests are slow, and fail otherwise": (latency(slow("signature_validation")), errors(failing(code=1.0))),
    "a task hangs, other workers are free": (of_queue("TaskStuck"), of_queue("TaskQueueDepth", queue(9, 4, 1))),
    "workers of another queue gone": (
        of_queue("TaskQueueStalled", None, "mails"),
        of_queue("TaskQueueDepth"),
    ),
    "nothing waits any more": (of_queue("TaskQueueDepth"), of_queue("WorkerUtilization", queue(0))),
    "tasks take long, nobody knows the workers": (
        of_queue("TaskProcessingTime"),
        of_queue("TaskQueueAge", queue(9, None, None)),
    ),
    "a rule of somebody else's about the queue": (of_queue("TaskQueueStalled"), of_queue("MyQueue")),
    "a machine is busy": (incident("CpuUtilization", None, {"category": "system"}), latency(slow("validation"))),
}


@pytest.mark.parametrize("pair", EXPLAINED.values(), ids=EXPLAINED)
def test_it_explains(pair):
    assert Explanations().explains(*pair)


@pytest.mark.parametrize("pair", NOT_EXPLAINED.values(), ids=NOT_EXPLAINED)
def test_it_does_not_explain(pair):
    assert not Explanations().explains(*pair)


@pytest.mark.parametrize("pair", EXPLAINED.values(), ids=EXPLAINED)
def test_nothing_is_explained_by_what_it_explains(pair):
    cause, symptom = pair
    assert not Explanations().explains(symptom, cause)


@pytest.mark.parametrize("pair", EXPLAINED.values(), ids=EXPLAINED)
def test_what_explains_another_is_found_at_a_place_of_both(pair):
    cause, symptom = pair
    known = Explanations()
    assert set(known.places(cause).explains_at) & set(known.places(symptom).explained_at)


def test_two_routes_that_fail_in_the_same_redis_blame_the_same_and_others_do_not():
    known = Explanations()
    blamed = {
        "fails": known.places(errors(failing(redis=0.9))).blamed,
        "waits": known.places(latency(slow("redis_operation"), "/other")).blamed,
        "bot": known.places(errors(failing(redis=0.9), job="bot")).blamed,
        "code": known.places(errors(failing(code=0.9))).blamed,
        "signature": known.places(latency(slow("signature_validation"))).blamed,
        "loop": known.places(latency(slow("event_loop"))).blamed,
    }
    assert blamed == {
        "fails": "redis\0app",
        "waits": "redis\0app",
        "bot": "redis\0bot",
        "code": "",
        "signature": "",
        "loop": "event_loop\0app",
    }
