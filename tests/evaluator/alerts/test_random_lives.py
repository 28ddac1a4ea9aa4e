"""Random lives: whatever comes, nothing resolves without evidence, and nobody is told or woken twice."""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from alertlife.story import Story, identity
from alertlife.waking import woken_once
from budget import scaled
from lapbell_evaluator.alerts import AlertStore, Condition, UnknownIncidentError
from lapbell_evaluator.model import Alert, Incident, State, rank_of

UNKNOWN = (Condition.NO_DATA, Condition.ERROR, Condition.WARMING_UP)
ENDS = (Condition.CLEARED, Condition.EMPTY, Condition.SERIES_ENDED, Condition.RULE_REMOVED)
SEVERITIES = ("warning", "critical")
FOR_S, KEEP_S, IDLE_S, REOPEN_S, WITHIN_S = 20.0, 10.0, 900.0, 1800.0, 60.0

conditions = st.sampled_from(
    [Condition.MET] * 8 + [Condition.CLEARED] * 2 + [each for each in Condition if each is not Condition.RULE_REMOVED]
)
steps = st.one_of(
    st.tuples(st.just("see"), st.sampled_from([5, 5, 20, 20, 905]), conditions, conditions),
    st.tuples(st.just("see"), st.sampled_from([5, 20]), conditions, conditions),
    st.tuples(st.just("see"), st.sampled_from([5, 20, 1801]), conditions, conditions),
    st.tuples(st.just("restart"), st.sampled_from([1, 60])),
    st.tuples(st.just("resolve"), st.just(1)),
    st.tuples(st.just("acknowledge"), st.just(1)),
    st.tuples(st.just("remove"), st.just(1)),
)

moods = st.sampled_from([Condition.MET, Condition.CLEARED, Condition.CLEARED])
restless_steps = st.one_of(
    *[st.tuples(st.just("see"), st.sampled_from([15, 25, 61]), moods, moods)] * 12,
    st.tuples(st.sampled_from(["restart", "resolve", "acknowledge"]), st.just(1)),
)


@dataclass
class Disk:
    """What a database would hold: a restart begins from it alone."""

    alerts: dict = field(default_factory=dict)
    incidents: dict = field(default_factory=dict)

    def write(self, change) -> None:
        self.alerts.update({(each.rule, each.labels): each for each in change.alerts})
        for each in change.gone:
            del self.alerts[each]
        self.incidents.update({each.id: each for each in change.incidents})

    def open(self) -> list[Incident]:
        return [each for each in self.incidents.values() if each.state not in (State.RESOLVED, State.INACTIVE)]


@dataclass
class Oracle:
    """One severity, by the plainest of rules: how long the condition was seen to hold, and since when it is quiet."""

    proven: float | None = None
    last: Condition | None = None
    quiet_since: float | None = None

    def see(self, condition: Condition, since_last: float, now: float) -> None:
        was_watched = self.last is Condition.MET
        if condition is Condition.MET:
            self.proven = 0.0 if self.proven is None else self.proven + (since_last if was_watched else 0.0)
        elif condition in ENDS or self.is_idle(condition, now) or self.lapses(condition):
            self.proven = None
        if condition is not Condition.NO_TRAFFIC:
            self.quiet_since = None
        elif self.quiet_since is None:
            self.quiet_since = now
        self.last = condition

    def lapses(self, condition: Condition) -> bool:
        return condition is Condition.UNDECIDED and (self.proven or 0.0) < FOR_S

    def is_idle(self, condition: Condition, now: float) -> bool:
        return condition is Condition.NO_TRAFFIC and self.quiet_since is not None and now - self.quiet_since >= IDLE_S


@dataclass
class Life:
    story: Story
    disk: Disk = field(default_factory=Disk)
    oracles: dict = field(default_factory=lambda: {each: Oracle() for each in SEVERITIES})
    seen_at: float = 0.0
    held_at: float = 0.0
    fired_until: float = 0.0
    """When an alert was last seen to fire: the plain oracle of how long it has been quiet."""

    def alerts(self) -> dict[str, Alert]:
        return {
            severity: alert for severity in SEVERITIES for alert in self.story.store.of_rule(f"g/{severity}").values()
        }

    def see(self, now: float, seen: dict[str, Condition]) -> None:
        before = self.alerts()
        held = [rank_of(each.severity) for each in self.story.store.incidents.values() if each.state is State.HELD]
        told = len(self.story.told)
        for severity, condition in seen.items():
            self.oracles[severity].see(condition, now - self.seen_at, now)
        self.seen_at = now
        self.story.see_each(now, seen, detail="why")
        self.disk.write(self.story.changes[-1])
        self.check(now, seen, before, self.story.told[told:])
        if any(alert.state is State.FIRING for alert in (*before.values(), *self.alerts().values())):
            self.fired_until = now
        self.end_recoveries(now)
        for each in self.story.told[told:] if held else ():
            if each.state is State.FIRING:
                assert rank_of(each.incident.severity) > held[0] or now - self.held_at >= REOPEN_S

    def check(self, now, seen, before, told) -> None:
        after = self.alerts()
        for severity, condition in seen.items():
            was, now_is = before.get(severity), after.get(severity)
            if was is not None and (now_is is None):
                is_idle = self.oracles[severity].is_idle(condition, now)
                lapsed = condition is Condition.UNDECIDED and was.state is State.PENDING
                assert condition in ENDS or is_idle or lapsed, f"{was.state} ended by {condition}"
            if was is not None and condition in UNKNOWN:
                assert now_is is not None
                assert now_is.state is was.state or now_is.state is State.FIRING
            began = now_is is not None and now_is.state is State.FIRING and (was is None or was.state is State.PENDING)
            if began:
                assert self.oracles[severity].proven >= self.story.for_s
            waits = now_is is not None and now_is.state is State.PENDING and condition is Condition.MET
            if waits:
                assert self.oracles[severity].proven < self.story.for_s
        for each in told:
            if each.state is State.RESOLVED and each.is_news:
                firing = [severity for severity, alert in before.items() if alert.state is State.FIRING]
                assert all(severity not in after or after[severity].state is not State.FIRING for severity in firing)

    def end_recoveries(self, now: float) -> None:
        """What recovers is resolved when it has been quiet for long enough, neither before nor after."""
        recovering = [each for each in self.story.store.incidents.values() if each.state is State.RECOVERING]
        told = len(self.story.told)
        self.story.end_recoveries(now)
        self.disk.write(self.story.changes[-1])
        ended = {each.incident.id for each in self.story.told[told:]}
        is_over = now - self.fired_until >= self.story.reopen_within_s and not self.alerts()
        assert ended == {each.id for each in recovering if is_over}

    def act(self, now: float, what: str) -> None:
        if not self.story.store.incidents:
            return
        try:
            getattr(self.story, what)(now)
        except UnknownIncidentError:
            return
        self.disk.write(self.story.changes[-1])
        if what == "resolve":
            self.held_at = now

    def restart(self, now: float) -> None:
        kept = [
            replace(
                each, proven_at=self.seen_at if each.state is State.PENDING and each.health == "ok" else each.proven_at
            )
            for each in self.disk.alerts.values()
        ]
        self.story.store = AlertStore.restored(kept, self.disk.open(), now)
        for oracle in self.oracles.values():
            oracle.last = None
            oracle.quiet_since = None


@settings(max_examples=scaled(300), deadline=None)
@given(st.sampled_from([0.0, FOR_S]), st.sampled_from([0.0, WITHIN_S]), st.lists(steps, min_size=5, max_size=40))
def test_no_life_resolves_without_evidence_or_tells_one_change_twice(for_s, reopen_within_s, moves):
    lived(for_s, reopen_within_s, moves)


@settings(max_examples=scaled(300), deadline=None)
@given(st.sampled_from([0.0, FOR_S]), st.lists(restless_steps, min_size=5, max_size=40))
def test_what_comes_and_goes_wakes_nobody_twice(for_s, moves):
    lived(for_s, WITHIN_S, moves)


def lived(for_s: float, reopen_within_s: float, moves: list) -> None:
    life = Life(Story(for_s=for_s, keep_firing_for_s=KEEP_S, reopen_within_s=reopen_within_s))
    now = 0.0
    for what, dt, *rest in moves:
        now += dt
        if what == "see":
            life.see(now, dict(zip(SEVERITIES, rest, strict=True)))
        elif what == "remove":
            life.see(now, dict.fromkeys(SEVERITIES, Condition.RULE_REMOVED))
        elif what == "restart":
            life.restart(now)
        else:
            life.act(now, what)
        consistent(life)
    for dt in (KEEP_S, KEEP_S, WITHIN_S):
        now += dt
        life.see(now, dict.fromkeys(SEVERITIES, Condition.CLEARED))
    assert not life.story.store.incidents
    told_once(life)
    woken_once(life.story.told)


def consistent(life: Life) -> None:
    """The incident is what its alerts are, and the disk knows the same."""
    alerts = life.alerts()
    states = {each.state for each in alerts.values()}
    wanted: State | None = next((each for each in (State.FIRING, State.HELD, State.PENDING) if each in states), None)
    incidents = list(life.story.store.incidents.values())
    if incidents and incidents[0].state is State.RECOVERING:
        assert life.story.reopen_within_s > 0
        assert states <= {State.PENDING}
        wanted = State.RECOVERING
    assert [each.state for each in incidents] == ([wanted] if wanted else [])
    if wanted:
        assert incidents == life.disk.open()
    if wanted not in (None, State.RECOVERING):
        rank = max(rank_of(severity) for severity, each in alerts.items() if each.state is wanted)
        assert rank_of(incidents[0].severity) == rank
    assert {each.labels: each.state for each in alerts.values()} == {
        each.labels: each.state for each in life.disk.alerts.values()
    }
    assert {each.labels for each in alerts.values()} <= {identity(each) for each in SEVERITIES}


def told_once(life: Life) -> None:
    by_incident = defaultdict(list)
    for each in life.story.told:
        by_incident[each.incident.id].append(each)
    for told in by_incident.values():
        news = [(each.state, each.incident.severity) for each in told if each.is_news]
        assert all(one != other for one, other in pairwise(news))
        assert [each.id for each in told] == [f"{told[0].incident.id}-{number + 1}" for number in range(len(told))]
        resolved = [number for number, (state, _) in enumerate(news) if state is State.RESOLVED]
        assert all(news[number - 1][0] in (State.FIRING, State.RECOVERING) for number in resolved)
    assert len({each.id for each in life.story.told}) == len(life.story.told)
