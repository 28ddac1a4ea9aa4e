"""Random problems: whatever begins, clears, returns and is found out, in any order, against what is plain to see."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.alerts import judged
from lapbell_evaluator.alerts.problem_moves import outlasted
from lapbell_evaluator.alerts.problems import Problems
from lapbell_evaluator.evidence import Explanations
from lapbell_evaluator.model import (
    Change,
    CircuitEvidence,
    ErrorEvidence,
    Evidence,
    FailureCause,
    Incident,
    LatencyEvidence,
    PhaseShare,
    Reason,
    RedisError,
    RedisEvidence,
    State,
    Transition,
    rank_of,
)
from problem_kit import incident

SERVER = {"server_address": "redis.internal", "server_port": "6379"}
REFUSED = (RedisError("GET", "ConnectionError", "connection refused", 9, 1.0),)
IN_REDIS = Evidence(errors=ErrorEvidence((FailureCause(0.9, 9, "ConnectionError", system="redis"),), 9))
IN_CODE = Evidence(errors=ErrorEvidence((FailureCause(0.9, 9, "ValueError"),), 9))
WAITS = Evidence((PhaseShare("redis_operation", 0.9, 1.0),), latency=LatencyEvidence())
SLOW = Evidence((PhaseShare("validation", 0.9, 1.0),), latency=LatencyEvidence())
KINDS = {
    "down": ("RedisFailureRate", {"category": "redis"} | SERVER, (Evidence(redis=RedisEvidence(REFUSED)),)),
    "get": ("RedisLatency", {"db_operation_name": "GET"} | SERVER, (Evidence(redis=RedisEvidence(REFUSED)),)),
    "set": ("RedisLatency", {"db_operation_name": "SET"} | SERVER, (Evidence(redis=RedisEvidence()),)),
    "circuit": ("RedisCircuitOpen", {}, (Evidence(circuit=CircuitEvidence("redis", True, 1, 1, REFUSED)), None)),
    "errors a": ("WebhookErrorRate", {"http_route": "/a"}, (IN_REDIS, IN_CODE, None)),
    "errors b": ("WebhookErrorRate", {"http_route": "/b"}, (IN_REDIS, IN_CODE, None)),
    "latency a": ("WebhookResponseTime", {"http_route": "/a"}, (WAITS, SLOW, None)),
}
names = st.sampled_from(sorted(KINDS))
acts = st.one_of(
    *[st.tuples(st.just("begins"), names, st.integers(0, 2), st.sampled_from(["warning", "critical"]))] * 3,
    st.tuples(st.sampled_from(["clears", "returns", "ends", "rises", "outlasts", "restarts"]), names),
    st.tuples(st.just("is found out"), names, st.integers(0, 2)),
)


@dataclass(slots=True)
class Life:
    """Incidents that are open, by what they are about, and what was told of them."""

    known: Explanations = field(default_factory=Explanations)
    open: dict[str, Incident] = field(default_factory=dict)
    told: list[Transition] = field(default_factory=list)
    now: float = 100.0
    problems: Problems = field(init=False)

    def __post_init__(self) -> None:
        self.problems = Problems(self.known)

    def begins(self, name: str, evidence: int, severity: str) -> None:
        if name not in self.open:
            alert, own, kinds = KINDS[name]
            made = incident(alert, kinds[evidence % len(kinds)], own, severity=severity, fired_at=self.now)
            self._move(made, State.INACTIVE, is_page=True)

    def clears(self, name: str) -> None:
        before = self._of(name, State.FIRING)
        if before is not None:
            self._move(replace(before, state=State.RECOVERING, moves=before.moves + 1), before.state)

    def returns(self, name: str) -> None:
        before = self._of(name, State.RECOVERING)
        if before is not None:
            self._move(replace(before, state=State.FIRING, moves=before.moves + 1), before.state)

    def ends(self, name: str) -> None:
        before = self.open.get(name)
        if before is not None:
            over = replace(before, state=State.RESOLVED, paged_severity=None, moves=before.moves + 1)
            self._move(over, before.state)

    def rises(self, name: str) -> None:
        before = self._of(name, State.FIRING)
        if before is not None and before.severity == "warning":
            worse = replace(before, severity="critical", paged_severity="critical", moves=before.moves + 1)
            self._move(worse, State.FIRING, is_page=True)

    def is_found_out(self, name: str, evidence: int) -> None:
        before = self._of(name, State.FIRING)
        collected = KINDS[name][2][evidence % len(KINDS[name][2])]
        if before is not None and before.evidence is None and collected is not None:
            self._commit(Change(incidents=(replace(before, evidence=collected),)))

    def outlasts(self, name: str) -> None:
        before = self._of(name, State.FIRING)
        if before is not None and before.cause_ended_at is not None:
            move = outlasted(before, self.now)
            self._commit(Change(incidents=(move.incident,), transitions=(move,)))

    def restarts(self, _name: str) -> None:
        self.problems = Problems(self.known, self.open.values())

    def _of(self, name: str, state: State) -> Incident | None:
        before = self.open.get(name)
        return before if before is not None and before.state is state else None

    def _move(self, after: Incident, previous: State, *, is_page: bool = False) -> None:
        move = Transition(
            f"{after.id}-{after.moves}", after, previous, after.state, Reason.BREACHED, self.now, is_page=is_page
        )
        self._commit(Change(incidents=(after,), transitions=(move,)))

    def _commit(self, change: Change) -> None:
        paged = {each.id: each.paged_severity or "" for each in self.open.values()}
        change = judged(self.problems, change, self.now)
        self.problems.apply(change)
        by_key = {incident(alert, None, own).key: name for name, (alert, own, _) in KINDS.items()}
        for each in change.incidents:
            name = by_key[each.key]
            self.open[name] = each
            if each.state is State.RESOLVED:
                del self.open[name]
        self.told.extend(change.transitions)
        for move in change.transitions:
            self._wakes_as_it_should(move, paged)

    def _wakes_as_it_should(self, move: Transition, paged: dict[str, str]) -> None:
        """Somebody was woken for its problem with as high a severity if, and only if, it joins without a page."""
        others = [each for each in self.open.values() if each.problem == move.incident.problem]
        ranks = [rank_of(paged[each.id]) for each in others if each.id in paged and each.id != move.incident.id]
        if move.joins:
            assert max(ranks) >= rank_of(move.incident.severity)
        elif move.is_page and ranks:
            assert max(ranks) < rank_of(move.incident.severity)


def explainers(life: Life, symptom: Incident) -> list[Incident]:
    return [
        each
        for each in life.open.values()
        if each.state is State.FIRING and life.known.explains(each, symptom) and each.caused_by != symptom.key
    ]


@settings(max_examples=scaled(150), deadline=None)
@given(st.lists(acts, max_size=25))
def test_what_fires_and_is_explained_by_what_fires_says_so_and_causes_are_first_causes(steps):
    life = Life()
    for act, *arguments in steps:
        life.now += 1.0
        getattr(life, act.replace(" ", "_"))(*arguments)
        firing = [each for each in life.open.values() if each.state is State.FIRING]
        keys = {each.key: each for each in life.open.values()}
        unexplained = [each for each in firing if each.caused_by is None and explainers(life, each)]
        second_hand = [
            each
            for each in firing
            if each.caused_by in keys
            and keys[each.caused_by].state is State.FIRING
            and (keys[each.caused_by].caused_by in keys)
            and keys[keys[each.caused_by].caused_by or ""].state is State.FIRING
        ]
        orphans = [
            each
            for each in firing
            if each.caused_by is not None
            and each.cause_ended_at is None
            and (each.caused_by not in keys or keys[each.caused_by].state is not State.FIRING)
        ]
        assert [unexplained, second_hand, orphans] == [[], [], []]


@settings(max_examples=scaled(50), deadline=None)
@given(st.lists(acts, max_size=25))
def test_a_restart_knows_the_same_problems(steps):
    life = Life()
    for act, *arguments in steps:
        life.now += 1.0
        getattr(life, act.replace(" ", "_"))(*arguments)
    anew = Problems(life.known, life.open.values())
    views = [
        {
            each.key: (
                {member.id for member in problems.members(each.problem)},
                {symptom.id for symptom in problems.explained_by(each.key)},
            )
            for each in life.open.values()
        }
        for problems in (life.problems, anew)
    ]
    assert views[0] == views[1]
