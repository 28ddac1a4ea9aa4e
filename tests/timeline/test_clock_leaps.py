"""The evaluator's own clock leaps by days, forth and back: nothing resolves, nothing fires, nobody restarts it."""

from dataclasses import dataclass, field

import pytest

from alertlife.timeline import HandClock, Timeline, timeline
from lapbell_evaluator.model import SteadyClock
from lapbell_evaluator.receiver import ClockLeaps
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.receiver.translator import Translator
from lapbell_evaluator.series import SeriesStore
from otlp_kit import gauge, metrics_export, number, resource

DAY_S = 86_400.0
START = 1_000_000_000.0
STEP_S = 20
RULES = """
groups:
- name: g
  rules:
  - alert: Deep
    expr: depth > 100
    annotations: {lapbell_on_no_data: keep}
  - alert: Rising
    expr: increase(calls_total[5m]) > 1000
  - alert: Gone
    expr: absent(depth)
  - alert: Held
    expr: depth > 100
    for: 1h
"""


class HostClock(HandClock):
    """The clock of a machine that runs since a while; `at` is what time it really is, seconds after `START`."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self.leap_s = 0.0
        self.steady = SteadyClock(self, lambda: self.at)

    def now(self) -> float:
        return START + self.at + self.leap_s


class Evaluators(HandClock):
    """What the evaluator takes for the time."""

    def __init__(self, host: HostClock) -> None:
        super().__init__(0.0)
        self.host = host

    def now(self) -> float:
        self.host.at = self.at
        return self.host.steady.now()


@dataclass
class Stage:
    """An evaluator whose machine's clock leaps, and senders."""

    line: Timeline
    host: HostClock
    senders: SenderClocks = field(default_factory=SenderClocks)
    rejected: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.translator = Translator(self.line.store, Limits(), clocks=self.senders)
        self.leaps = ClockLeaps(self.host.steady, self.senders, self.line.store)

    def send(self, depth: float, *, by_host: bool) -> None:
        """An export of a sender whose clock is right, or is the evaluator's machine's."""
        at = START + self.host.at + (self.host.leap_s if by_host else 0.0) - 0.2
        calls = number(round(self.host.at), at)
        export = metrics_export(
            gauge("depth", [number(depth, at)]), gauge("calls_total", [calls]), of=resource(service_name="shop")
        )
        self.senders.leapt(self.host.steady.leap_s)
        translated = self.translator.translate(decode_metrics(export.SerializeToString()), self.line.clock.now())
        self.rejected |= translated.rejected
        self.line.store.append(translated.batch)

    async def run(self, until: float, depth: float, *, by_host: bool) -> None:
        """Export, look at the clock and evaluate every twenty seconds."""
        while self.line.clock.at < until:
            self.line.clock.at = self.host.at = self.line.clock.at + STEP_S
            self.leaps.look()
            self.send(depth, by_host=by_host)
            await self.line.runner.tick()

    def news(self) -> list[tuple[str, str]]:
        """Alerts and states of what receivers were told."""
        names = ((dict(told.incident.labels)["alertname"], str(told.state)) for told in self.line.told if told.is_news)
        return list(names)


def on_stage(folder, host: HostClock):
    return timeline(folder, RULES, start=START, interval_s=STEP_S, store=SeriesStore(), clock=Evaluators(host))


@pytest.mark.parametrize("leap_s", [3 * DAY_S, -3 * DAY_S])
@pytest.mark.parametrize("by_host", [False, True], ids=["senders elsewhere", "senders on the same machine"])
async def test_a_leap_of_five_minutes_is_no_news_and_ends_without_a_restart(tmp_path, leap_s, by_host):
    host = HostClock()
    async with on_stage(tmp_path, host) as line:
        stage = Stage(line, host)
        await stage.run(600, 150, by_host=by_host)
        before = stage.news()
        host.leap_s = leap_s
        await stage.run(900, 150, by_host=by_host)
        host.leap_s = 0.0
        await stage.run(1_200, 150, by_host=by_host)
        during = stage.news()
        window = [value for _, value in await line.value("count_over_time(depth[10m])", line.clock.now())]
        await stage.run(1_300, 50, by_host=by_host)
        assert {
            "before": before,
            "during": during,
            "after": stage.news(),
            "window": window,
            "rejected": stage.rejected,
        } == {
            "before": [("Deep", "firing"), ("Held", "pending")],
            "during": before,
            "after": [*before, ("Deep", "resolved"), ("Held", "inactive")],
            "window": [30.0],
            "rejected": {},
        }


@pytest.mark.parametrize("leap_s", [3 * DAY_S, -3 * DAY_S])
async def test_a_leap_that_senders_contradict_is_never_adopted(tmp_path, leap_s):
    host = HostClock()
    async with on_stage(tmp_path, host) as line:
        stage = Stage(line, host)
        await stage.run(300, 150, by_host=False)
        host.leap_s = leap_s
        await stage.run(1_600, 150, by_host=False)
        assert {"news": stage.news(), "time": line.clock.now() - START} == {
            "news": [("Deep", "firing"), ("Held", "pending")],
            "time": 1_600.0,
        }


@pytest.mark.parametrize("leap_s", [3 * DAY_S, -3 * DAY_S])
async def test_a_leap_that_stays_is_adopted_with_everything_in_memory_and_so_is_the_way_back(tmp_path, leap_s):
    host = HostClock()
    async with on_stage(tmp_path, host) as line:
        stage = Stage(line, host)
        await stage.run(300, 150, by_host=True)
        host.leap_s = leap_s
        await stage.run(880, 150, by_host=True)
        held = line.clock.now() - START
        await stage.run(1_500, 150, by_host=True)
        adopted = line.clock.now() - START
        window = [value for _, value in await line.value("count_over_time(depth[10m])", line.clock.now())]
        host.leap_s = 0.0
        await stage.run(2_600, 150, by_host=True)
        deep = [(name, state) for name, state in stage.news() if name in {"Deep", "Gone", "Rising"}]
        assert {
            "held": held,
            "adopted": adopted,
            "window": window,
            "back": line.clock.now() - START,
            "deep": deep,
            "rejected": stage.rejected,
        } == {
            "held": 880.0,
            "adopted": 1_500.0 + leap_s,
            "window": [30.0],
            "back": 2_600.0,
            "deep": [("Deep", "firing")],
            "rejected": {},
        }


def test_small_steps_are_followed_and_sleep_is_no_leap():
    host = HostClock()
    steady = []
    for at, leap_s in ((10, 0.0), (20, 3.0), (30, 6.0), (40, 5.0), (3 * DAY_S, 5.0)):
        host.at, host.leap_s = at, leap_s
        steady.append((host.steady.now() - START, host.steady.leap_s))
    assert steady == [(10, 0.0), (23, 0.0), (36, 0.0), (45, 0.0), (3 * DAY_S + 5, 0.0)]
