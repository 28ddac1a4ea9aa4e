"""Random worlds for the whole evaluator: samples, gaps, ends, restarts, reloads, people; nothing is a stand-in."""

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alertlife.timeline import Timeline, timeline
from alertlife.waking import woken_once
from budget import scaled
from lapbell_evaluator.alerts import UnknownIncidentError
from lapbell_evaluator.model import HistoryQuery, LabelMatcher, Reason, Silence, State, Transition
from lapbell_evaluator.model import Timeline as Moments
from lapbell_evaluator.rules import load
from lapbell_evaluator.series import SeriesStore

RULES = """
groups:
- name: g
  rules:
  - alert: Deep
    expr: max by (queue) (depth) > 100
    for: 10s
    labels: {severity: warning}
    annotations: {lapbell_on_no_data: keep, lapbell_reopen_within: WITHIN}
  - alert: Deep
    expr: max by (queue) (depth) > 1000
    for: 10s
    labels: {severity: critical}
    annotations: {lapbell_on_no_data: keep, lapbell_reopen_within: WITHIN}
"""
LOOKBACK_S = 300
BEGINNING = ("first_bad_sample_at", "received_at", "evaluated_at", "fired_at", "sent_at", "delivered_at")
END = ("fired_at", "recovering_at", "resolved_at", "resolved_sent_at", "resolved_delivered_at")
moves = st.one_of(
    st.tuples(st.just("push"), st.sampled_from([150, 150, 150, 50]), st.booleans()),
    st.tuples(st.just("push"), st.sampled_from([150, 1500, 50]), st.booleans()),
    st.tuples(st.just("end"), st.none(), st.booleans()),
    st.tuples(st.just("gap"), st.none(), st.booleans()),
    st.tuples(st.just("gap"), st.none(), st.just(True)),
    st.tuples(st.sampled_from(["restart", "restart_cold", "restart_cold"])),
    st.tuples(st.sampled_from(["reload", "remove", "resolve", "acknowledge", "silence"])),
)
steps = st.lists(st.tuples(st.sampled_from([5, 5, 10, 10, 120, 400]), moves), min_size=4, max_size=25)


@dataclass
class World:
    """What the oracle knows: the samples of this life's store, and since when somebody watches."""

    samples: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    watched_since: float | None = None

    def push(self, line: Timeline, at: float, queue: str, value: float | None) -> None:
        skew_s = (int(at) % 3 - 1) / 4  # a sender's clock that runs ahead, and a sample that is under way
        line.push(at, "depth", value, arrives=at + skew_s, queue=queue)
        self.samples[queue] = (at, value)

    def visible(self, queue: str, at: float) -> float | None:
        when, value = self.samples.get(queue, (-1e9, None))
        return value if at - when < LOOKBACK_S else None

    def justifies(self, reason: Reason, at: float, by_hand: str) -> bool:
        mine, sibling = self.visible("q", at), self.visible("other", at)
        if reason is Reason.RECOVERED:
            return mine is not None and mine <= 100
        if reason is Reason.SERIES_ENDED:
            has_watched = self.watched_since is None or at >= self.watched_since + LOOKBACK_S
            return mine is None and sibling is not None and has_watched
        return (reason, by_hand) in ((Reason.MANUAL, "resolve"), (Reason.RULE_REMOVED, "remove"))


@dataclass
class Run:
    folder: Path
    stack: AsyncExitStack
    within_s: int
    world: World = field(default_factory=World)
    told: list = field(default_factory=list)
    line: Timeline = field(init=False)

    async def open(self, at: float, store: SeriesStore) -> None:
        await self.stack.aclose()
        self.line = await self.stack.enter_async_context(timeline(self.folder, self.rules, start=at, store=store))

    @property
    def rules(self) -> str:
        return RULES.replace("WITHIN", f"{self.within_s}s")

    async def step(self, at: float, move: tuple) -> None:
        what, *rest = move
        self.line.clock.at = at
        before = len(self.line.told)
        if what in ("push", "end", "gap"):
            value, has_sibling = rest
            if what != "gap":
                self.world.push(self.line, at, "q", value)
            if has_sibling:
                self.world.push(self.line, at, "other", 1.0)
        elif what.startswith("restart"):
            self.told.extend(self.line.told)
            store = self.line.store
            if what == "restart_cold":
                store, self.world.samples = SeriesStore(), {}
            self.world.watched_since = at
            await self.open(at, store)
            before = 0
        else:
            await self.by_hand(what)
        await self.line.at(at)
        await self.deliver(at)
        for each in self.line.told[before:]:
            is_over = each.state is State.RESOLVED and each.previous is State.FIRING and each.is_news
            if is_over or (each.state is State.RECOVERING is not each.previous):
                assert self.world.justifies(each.reason, each.at, what), (what, each.reason)
            if each.state is State.FIRING and each.is_news:
                assert (self.world.visible("q", each.at) or 0) > 100
            if each.previous is State.RECOVERING:
                self.ends_or_returns(each)

    def ends_or_returns(self, transition: Transition) -> None:
        """What recovers is resolved when its wait is over, and by people before that."""
        if transition.state is State.RESOLVED and transition.reason not in (Reason.MANUAL, Reason.RULE_REMOVED):
            recovering_at = transition.incident.recovering_at
            assert recovering_at is not None
            assert transition.at >= recovering_at + self.within_s > recovering_at

    async def by_hand(self, what: str) -> None:
        if what in ("reload", "remove"):
            if what == "remove":
                await self.line.runner.reload([])
            await self.line.runner.reload(load(self.rules))
        elif what == "silence":
            now = self.line.clock.at
            await self.line.muting.put(Silence("", (LabelMatcher("queue", "q"),), now, now + 60, "ann", "why"))
        else:
            for view in await self.line.alert_service.incidents():
                try:
                    await getattr(self.line.alert_service, what)(view.incident.key, "ann", "why")
                except UnknownIncidentError:
                    continue

    async def deliver(self, at: float) -> None:
        """A receiver that takes some notices half a second after they were sent, and others not."""
        if int(at) % 3:
            ids = [each.id for each in await self.line.database.pending("otlp", 100)]
            await self.line.database.sending(ids, at + 0.25, "")
            if int(at) % 2:
                await self.line.database.delivered(ids, at + 0.75)

    async def moments_never_go_backwards(self, history: list) -> None:
        """From the first bad sample to its message, and from firing to the message that it is over."""
        last = {each.incident.id: each.incident for each in history}
        found = await self.line.database.deliveries(list(last.values()))
        for key, incident in last.items():
            known = Moments.of(incident, found.get(key, ()))
            assert known.evaluated_at is not None
            for names in (BEGINNING, END):
                moments = [moment for name in names if (moment := getattr(known, name)) is not None]
                assert moments == sorted(moments), known
            for each in known.deliveries:
                assert each.sent_at is None or each.at <= each.sent_at <= (each.delivered_at or each.sent_at)

    async def settle(self, at: float) -> None:
        """All is well for as long as anything may return."""
        for after in (0, 5, self.within_s + 5):
            await self.step(at + after, ("push", 50, True))
        assert dict(self.line.alerts.incidents) == {}

    async def finish(self) -> None:
        history = list(reversed((await self.line.alert_service.history(HistoryQuery(limit=1000))).items))
        told = [*self.told, *self.line.told]
        assert [each.id for each in history] == [each.id for each in told], "what was told is what is kept, in order"
        await self.moments_never_go_backwards(history)
        by_incident = defaultdict(list)
        for each in history:
            if each.is_news:
                by_incident[each.incident.id].append((each.state, each.incident.severity))
        woken_once(history)
        assert all(one != other for states in by_incident.values() for one, other in pairwise(states))


async def lived(within_s: int, moves: list) -> None:
    with TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            run = Run(Path(folder), stack, within_s)
            await run.open(0.0, SeriesStore())
            at = 0.0
            for dt, move in moves:
                at += dt
                await run.step(at, move)
            await run.settle(at + 5)
            await run.finish()


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=scaled(100), deadline=None)
@given(st.sampled_from([0, 30, 600]), steps)
def test_whatever_happens_nothing_resolves_without_evidence_and_nobody_is_woken_twice(within_s, moves):
    asyncio.run(lived(within_s, moves))
