"""What is to blame, in one line."""

import msgspec
import pytest

from lapbell_evaluator.model import (
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
    PhaseShare,
    PoolUse,
    PriorityDepth,
    QueueEvidence,
    RedisError,
    RedisEvidence,
    RunningRequest,
    TaskShare,
    cause_of,
)

BLAME = (PhaseShare("cache_lookup", 0.9, 1.5), PhaseShare("other", 0.1, 0.2))
LINE = BlockedLine("pay", "/srv/pay.py", 7, 0.4)
WAITED = PhaseShare("event_loop", 0.9, 1.5)
WAITED_LITTLE = PhaseShare("event_loop", 0.1, 0.2)
REFUSED = FailureCause(0.75, 3, "redis.ConnectionError", "connection refused", "GET", "cache_lookup")
BUSY = FailureCause(0.25, 1, "ValueError", "", "webhook.cache_lookup", "cache_lookup")
RUNNING = RunningRequest("a" * 32, 60.0, 38.0, "/w", "twilio", "cache_lookup")
EVIDENCE = [
    (Evidence(), None),
    (Evidence(BLAME), "cache_lookup, 90% of the excess"),
    (Evidence(BLAME, latency=LatencyEvidence(explained_by=LINE)), "cache_lookup, 90% of the excess"),
    (Evidence(BLAME, latency=LatencyEvidence(WAITED_LITTLE, explained_by=LINE)), "cache_lookup, 90% of the excess"),
    (
        Evidence((WAITED, WAITED_LITTLE), latency=LatencyEvidence(WAITED, explained_by=LINE)),
        "the event loop is blocked by pay (/srv/pay.py:7)",
    ),
    (Evidence(latency=LatencyEvidence(explained_by=LINE)), None),
    (Evidence(redis=RedisEvidence(explained_by=LINE)), None),
    (
        Evidence(errors=ErrorEvidence((REFUSED, BUSY), 4)),
        "connection refused (redis.ConnectionError) in cache_lookup, 75% of the failures",
    ),
    (
        Evidence(redis=RedisEvidence((RedisError("GET", "ResponseError", "WRONGTYPE", 9, 0.9),))),
        "WRONGTYPE (ResponseError) in GET, 90% of the failures",
    ),
    (
        Evidence(redis=RedisEvidence(pools=(PoolUse("redis:6379/0", 10, 10),))),
        "all 10 connections of the pool redis:6379/0 are in use",
    ),
    (Evidence(redis=RedisEvidence(commands=(CommandShare("KEYS", 0.8, 1.0, 0.1, 9),))), "KEYS, 80% of the excess"),
    (
        Evidence(queue=QueueEvidence((PriorityDepth("high", 90, 240),), (TaskShare("mail", 1, 1, 9, 3, "OSError"),))),
        "OSError in mail, 3 of 9 tasks",
    ),
    (
        Evidence(queue=QueueEvidence((PriorityDepth("high", 90, 240),))),
        "90 messages wait in high, the oldest for 240 s",
    ),
    (
        Evidence(
            queue=QueueEvidence(
                (PriorityDepth("high", 90, 240),), (TaskShare("mail", 1, 1, 9, 3, "OSError"),), workers=0, busy=0
            )
        ),
        "its workers are gone: 90 messages wait in high, the oldest for 240 s",
    ),
    (Evidence(host=HostEvidence("web-3", "i-7")), "web-3"),
    (Evidence(in_flight=InFlightEvidence((RUNNING,))), "cache_lookup has run for 38 s"),
    (Evidence(event_loop=EventLoopEvidence((LINE,))), "the event loop is blocked by pay (/srv/pay.py:7)"),
    (Evidence(circuit=CircuitEvidence("billing", is_redis=False)), "the breaker billing is open"),
]


@pytest.mark.parametrize(("evidence", "cause"), EVIDENCE)
def test_each_kind_of_evidence_has_its_line(evidence, cause):
    assert cause_of(evidence) == cause


@pytest.mark.parametrize("evidence", [evidence for evidence, _ in EVIDENCE])
def test_evidence_survives_the_database_whole(evidence):
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(evidence), type=Evidence) == evidence


def test_evidence_that_an_older_lapbell_wrote_is_read():
    old = {"blame": [{"phase": "other", "share": 1.0, "excess_s": 2.0}], "trace_ids": ["a" * 32]}
    assert msgspec.convert(old, type=Evidence) == Evidence((PhaseShare("other", 1.0, 2.0),), ("a" * 32,))


def test_the_phase_in_which_requests_fail_has_the_share_of_all_its_causes():
    evidence = Evidence(errors=ErrorEvidence((REFUSED, BUSY), 4))
    assert evidence.phase == "cache_lookup"
    assert evidence.phase_share == 1.0
