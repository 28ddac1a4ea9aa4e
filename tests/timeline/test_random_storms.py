"""Random storms: whatever comes and however often the evaluator restarts, they are those of a slow oracle."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given, settings
from hypothesis import strategies as st

from alertlife.timeline import Timeline, timeline
from budget import scaled
from lapbell_evaluator.model import PostableAlert, State, Transition, labels

NOTHING = "groups: [{name: g, rules: [{alert: Never, expr: vector(0) > 1}]}]"
NAMES = ("Slow", "Failing")
FAR = 1e6

pods = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted)
names = st.sampled_from(NAMES)
actions = st.one_of(
    st.tuples(st.just("begin"), names, pods),
    st.tuples(st.just("begin"), names, pods),
    st.tuples(st.just("end"), names, pods),
    st.tuples(st.just("resolve"), names, st.tuples(st.integers(0, 40), st.just(4)).map(lambda of: (of[0], sum(of)))),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 20.0, 59.0, 60.0, 241.0, 299.0, 1801.0])),
    st.tuples(st.just("restart")),
)


@dataclass
class Oracle:
    """Storms from the list of all transitions, one batch for each change, gone through from the start each time."""

    batches: list[list[Transition]] = field(default_factory=list)

    def storms(self) -> dict[str, float | None]:
        """The storm of each incident that is not over, by id."""
        name: dict[str, str] = {}
        fired_at: dict[str, float] = {}
        storm: dict[str, float | None] = {}
        for batch in self.batches:
            for each in batch:
                if each.incident.state in (State.RESOLVED, State.INACTIVE):
                    storm.pop(each.incident.id, None)
            begun = [each for each in batch if each.state is State.FIRING and each.incident.id not in fired_at]
            for each in begun:
                name[each.incident.id] = dict(each.incident.labels)["alertname"]
                fired_at[each.incident.id] = each.at
            for alertname in {name[each.incident.id] for each in begun}:
                at = begun[0].at
                mine = [each.incident.id for each in begun if name[each.incident.id] == alertname]
                others = [key for key in storm if name[key] == alertname]
                young = [storm[key] for key in others if storm[key] is not None and at - fired_at[key] < 300]
                growing = [each for each in set(young) if young.count(each) >= 5]
                alone = [key for key in others if storm[key] is None and at - fired_at[key] < 60]
                if not growing and len(alone) + len(mine) >= 20:
                    growing = [min([at, *(fired_at[key] for key in alone)])]
                    storm.update(dict.fromkeys(alone, growing[0]))
                storm.update(dict.fromkeys(mine, growing[0] if growing else None))
        return storm


async def act(line: Timeline, action: tuple) -> None:
    """One change, or as many as there are incidents to resolve by hand."""
    what, name, (low, high) = action
    wanted = {str(pod) for pod in range(low, high)}
    if what == "resolve":
        for each in await line.alert_service.incidents((State.FIRING,)):
            if each.name == name and dict(each.incident.labels)["pod"] in wanted:
                await line.alert_service.resolve(each.incident.key, "ann", "tried")
        return
    until = FAR if what == "begin" else line.clock.at
    alerts = [PostableAlert(labels({"alertname": name, "pod": pod}), ends_at=until) for pod in sorted(wanted)]
    await line.external_alerts.post(alerts)


async def lived(script: list[tuple], folder: Path) -> None:
    """Act it out; after each step the evaluator must say what the oracle says."""
    oracle = Oracle()
    now = 1000.0
    async with AsyncExitStack() as stops:
        line = await stops.enter_async_context(timeline(folder, NOTHING, start=now))
        for action in script:
            now += action[1] if action[0] == "wait" else 0.001  # nothing takes no time
            line.clock.at = now
            if action[0] == "restart":
                await stops.aclose()
                line = await stops.enter_async_context(timeline(folder, NOTHING, start=now))
            elif action[0] != "wait":
                line.told.clear()
                await act(line, action)
                oracle.batches.append(line.told.copy())
            views = await line.alert_service.incidents()
            expected = oracle.storms()
            name_of = {each.incident.id: each.name for each in views}
            members = Counter((name_of[key], began_at) for key, began_at in expected.items() if began_at is not None)
            going = {storm for storm, count in members.items() if count >= 5}
            told = await line.alert_service.storms(views)
            found = {each.incident.id: each.incident.storm_began_at for each in views}
            assert found == expected
            assert {(each.alertname, each.began_at) for each in told} == going


@given(script=st.lists(actions, max_size=12))
@example(script=[("begin", "Slow", (0, 10)), ("wait", 59.0), ("begin", "Slow", (10, 20)), ("restart",)])
@example(script=[("begin", "Slow", (0, 10)), ("wait", 60.0), ("begin", "Slow", (10, 20))])
@example(script=[("begin", "Slow", (0, 30)), ("wait", 299.0), ("begin", "Slow", (30, 31))])
@example(script=[("begin", "Slow", (0, 30)), ("end", "Slow", (4, 30)), ("begin", "Slow", (30, 40))])
@example(script=[("begin", "Slow", (0, 30)), ("resolve", "Slow", (0, 30)), ("wait", 1801.0), ("begin", "Slow", (0, 9))])
@settings(max_examples=scaled(60), deadline=None)
def test_storms_are_those_that_the_list_of_all_transitions_tells(script):
    with TemporaryDirectory() as folder:
        asyncio.run(lived(script, Path(folder)))
