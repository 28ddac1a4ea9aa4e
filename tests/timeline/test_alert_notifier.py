"""What an Alertmanager is told and when, on a hand-moved clock.

Source: github.com/prometheus/compliance, alert_generator/specification.md, "Sending Alerts to Alertmanager". Groups run
at their interval alone here; `ends` of a firing alert are four resend delays or intervals ahead, whichever is longer.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alertlife.timeline import Timeline, timeline
from lapbell_evaluator.model import LabelMatcher, PostableAlert, Silence, State, incident_key, labels
from lapbell_evaluator.notify import DeliveryError, RefusedError
from lapbell_evaluator.rules import load
from lapbell_evaluator.service import AlertNotifier

SAMPLED_EVERY_S = 15
QUARTER_S = 900

Told = tuple[float, str, float, float]
"""When it was told, of which series, `startsAt`, `endsAt`."""


@dataclass
class Postbox:
    """Keeps what it is told; refuses or fails while it is told to."""

    fault: DeliveryError | None = None
    got: list[PostableAlert] = field(default_factory=list)
    name: str = "postbox"

    async def send(self, alerts: Sequence[PostableAlert]) -> None:
        if self.fault is not None:
            raise self.fault
        self.got += alerts


@dataclass
class Sender:
    """An evaluator on the clock of a test, and who it tells."""

    line: Timeline
    box: Postbox
    notifier: AlertNotifier
    told: list[Told] = field(default_factory=list)
    faults: list[tuple[float, str]] = field(default_factory=list)

    async def run(self, until: float, begin: float = 0, **series: Mapping[int, float]) -> list[Told]:
        """Samples of `load{of="<series>"}` every 15 s, evaluated when due; what was told meanwhile."""
        before = len(self.told)
        for at in range(int(begin), int(until) + 1, SAMPLED_EVERY_S):
            for of, steps in series.items():
                self.line.push(at, "load", steps[max(each for each in steps if each <= at)], of=of)
            await self.line.at(at)
            await self.tell()
        return self.told[before:]

    async def tell(self) -> None:
        at, taken = self.line.clock.at, len(self.box.got)
        try:
            await self.notifier.notify()
        except DeliveryError as error:
            self.faults.append((at, str(error)))
        for each in self.box.got[taken:]:
            assert each.starts_at is not None
            assert each.ends_at is not None
            self.told.append((at, dict(each.labels)["of"], each.starts_at, each.ends_at))


@asynccontextmanager
async def sender(folder: Path, rules: str, delay_s: float = 60.0, start: float = 0.0) -> AsyncIterator[Sender]:
    async with timeline(folder, rules, start=start) as line:
        box = Postbox()
        yield Sender(line, box, line.notifier(box, delay_s))


def group(interval: str = "30s", *, hold: str = "0s") -> str:
    return f"""
groups:
- name: g
  interval: {interval}
  rules:
  - {{alert: Loaded, expr: load > 10, for: {hold}, annotations: {{summary: "load is {{{{ $value }}}}"}}}}
"""


async def test_a_firing_alert_is_sent_when_it_fires_and_again_after_every_resend_delay(tmp_path):
    async with sender(tmp_path, group(hold="2m")) as made:
        assert await made.run(360, a={0: 9, 30: 11}) == [
            (150, "a", 150, 390),
            (210, "a", 150, 450),
            (270, "a", 150, 510),
            (330, "a", 150, 570),
        ]


@pytest.mark.parametrize(
    ("interval", "delay_s", "every_s", "ahead_s"),
    [("30s", 60, 60, 240), ("45s", 60, 90, 240), ("90s", 60, 90, 360), ("15s", 20, 30, 80), ("15s", 15, 15, 60)],
)
async def test_resends_wait_for_the_first_evaluation_after_the_delay(tmp_path, interval, delay_s, every_s, ahead_s):
    async with sender(tmp_path, group(interval), delay_s) as made:
        told = await made.run(540, a={0: 11})
    assert told == [(at, "a", 0, at + ahead_s) for at in range(0, 541, every_s)]


async def test_an_alert_that_ends_is_sent_at_once_and_again_for_fifteen_minutes(tmp_path):
    async with sender(tmp_path, group()) as made:
        told = await made.run(2000, a={0: 11, 90: 9})
    assert told == [
        (0, "a", 0, 240),
        (60, "a", 0, 300),
        *((at, "a", 0, 90) for at in range(90, 90 + QUARTER_S, 60)),
    ]


async def test_an_alert_that_returns_stops_the_resends_of_its_end(tmp_path):
    async with sender(tmp_path, group(hold="1m")) as made:
        told = await made.run(390, a={0: 11, 90: 9, 240: 11})
    assert told == [(60, "a", 60, 300), (90, "a", 60, 90), (150, "a", 60, 90), (210, "a", 60, 90), (300, "a", 300, 540),
                    (360, "a", 300, 600)]  # fmt: skip


async def test_an_alert_that_only_was_pending_is_never_sent(tmp_path):
    async with sender(tmp_path, group(hold="5m")) as made:
        assert await made.run(600, a={0: 11, 240: 9}) == []


async def test_each_alert_has_times_of_its_own(tmp_path):
    async with sender(tmp_path, group()) as made:
        told = await made.run(120, a={0: 11}, b={0: 9, 30: 11, 90: 9})
    assert told == [
        (0, "a", 0, 240),
        (30, "b", 30, 270),
        (60, "a", 0, 300),
        (90, "b", 30, 90),
        (120, "a", 0, 360),
    ]


async def test_annotations_are_those_of_now_and_at_the_end_those_of_the_last_breach(tmp_path):
    async with sender(tmp_path, group()) as made:
        await made.run(90, a={0: 11, 30: 12, 60: 15, 75: 19, 90: 9})
        assert [dict(each.annotations)["summary"] for each in made.box.got] == [
            "load is 11",
            "load is 15",
            "load is 15",
        ]


async def test_labels_are_the_alerts_own_and_the_link_answers_the_expression(tmp_path):
    async with sender(tmp_path, group()) as made:
        await made.run(0, a={0: 11})
        (told,) = made.box.got
    assert dict(told.labels) == {"alertname": "Loaded", "of": "a"}
    assert told.generator_url == "/api/v1/query?query=load+%3E+10"


async def test_what_was_not_taken_is_sent_at_the_next_evaluation_and_no_end_without_a_beginning(tmp_path):
    async with sender(tmp_path, group()) as made:
        made.box.fault = DeliveryError("down")
        assert await made.run(60, a={0: 11}, b={0: 11, 60: 9}) == []
        made.box.fault = None
        assert await made.run(90, 75, a={0: 11}, b={0: 9}) == [(90, "a", 0, 330)]
        assert made.faults == [(0, "down"), (30, "down"), (60, "down")]


async def test_what_is_refused_waits_for_its_resend(tmp_path):
    async with sender(tmp_path, group()) as made:
        made.box.fault = RefusedError("400")
        assert await made.run(45, a={0: 11}) == []
        made.box.fault = None
        assert await made.run(75, 60, a={0: 11}) == [(60, "a", 0, 300)]


async def test_an_alert_resolved_by_hand_has_ended_at_once(tmp_path):
    async with sender(tmp_path, group()) as made:
        await made.run(30, a={0: 11})
        key = incident_key(made.box.got[0].labels)
        made.line.clock.at = 40
        await made.line.alert_service.resolve(key, "ann", "known")
        await made.tell()
        assert made.told[-1:] == [(40, "a", 0, 40)]
        told = await made.run(1200, 45, a={0: 11})
    assert {each[3] for each in told} == {40}
    assert told[-1][0] < 40 + QUARTER_S


async def test_an_alert_of_a_removed_rule_ends_and_is_told_for_fifteen_minutes(tmp_path):
    async with sender(tmp_path, group()) as made:
        await made.run(30, a={0: 11})
        made.line.clock.at = 40
        await made.line.runner.reload(load("groups: []"))
        await made.tell()
        assert made.told[-1] == (40, "a", 0, 40)


async def test_what_ended_is_forgotten_whether_or_not_anybody_is_told(tmp_path):
    async with timeline(tmp_path, group()) as line:
        for hour in range(5):
            for at, load_ in ((hour * 3600, 11), (hour * 3600 + 30, 9)):
                line.push(at, "load", load_, of=str(hour))
                await line.at(at)
        ended = line.alerts.recently_resolved  # its size is what this is about
        keys = [("g/Loaded{}", labels({"alertname": "Loaded", "of": str(hour)})) for hour in range(5)]
        assert [each in ended for each in keys] == [False, False, False, False, True]


def silence(begin: float, end: float) -> Silence:
    return Silence("", (LabelMatcher("of", "a"),), begin, end, "ann", "deploy")


async def test_a_silenced_alert_is_not_begun_to_be_told_until_its_silence_ends(tmp_path):
    async with sender(tmp_path, group()) as made:
        await made.line.muting.put(silence(0, 100))
        assert await made.run(120, a={0: 11}) == [(120, "a", 0, 360)]


async def test_an_alert_that_was_told_is_told_on_under_a_silence_and_so_is_its_end(tmp_path):
    async with sender(tmp_path, group()) as made:
        await made.run(30, a={0: 11})
        await made.line.muting.put(silence(30, 1000))
        assert await made.run(120, 45, a={0: 11, 90: 9}) == [(60, "a", 0, 300), (90, "a", 0, 90)]


async def test_a_restart_tells_on_what_fires_and_what_ended_meanwhile(tmp_path):
    async with sender(tmp_path, group()) as made:
        await made.run(30, a={0: 11}, b={0: 11})
        store = made.line.store
    async with timeline(tmp_path, group(), start=60, store=store) as line:
        again = Sender(line, box := Postbox(), line.notifier(box))
        assert await again.run(90, 60, a={0: 11}, b={0: 11, 90: 9}) == [
            (60, "a", 0, 300),
            (60, "b", 0, 300),
            (90, "b", 0, 90),
        ]


@pytest.mark.parametrize(("begin", "does"), [(0, False), (30, True)])
async def test_after_a_restart_what_was_told_before_its_silence_is_told_on(begin, does, tmp_path):
    async with sender(tmp_path, group()) as made:
        made.line.clock.at = begin
        if begin:
            await made.run(begin, a={0: 11})
        await made.line.muting.put(silence(begin, 1000))
        await made.run(45, begin + 15, a={0: 11})
        store = made.line.store
    async with timeline(tmp_path, group(), start=60, store=store) as line:
        again = Sender(line, box := Postbox(), line.notifier(box))
        assert bool(await again.run(120, 60, a={0: 11})) is does


async def test_an_alert_that_an_error_keeps_firing_is_told_on(tmp_path):
    rules = group().replace("load > 10", "load > on () group_left () limit")
    async with sender(tmp_path, rules) as made:
        made.line.push(0, "limit", 10)
        await made.run(30, a={0: 11})
        for of in ("x", "y"):
            made.line.push(30, "limit", 10, of=of)
        told = await made.run(120, 45, a={0: 9})
        states = {each.incident.state for each in await made.line.alert_service.incidents()}
    assert told == [(60, "a", 0, 300), (120, "a", 0, 360)]
    assert states == {State.FIRING}


async def test_ten_thousand_alerts_are_sent_once_each_in_several_requests(tmp_path):
    async with sender(tmp_path, group()) as made:
        for number in range(10_000):
            made.line.push(0, "load", 11.0, of=str(number))
        await made.line.at(0)
        await made.tell()
        assert sorted(each[1] for each in made.told) == sorted(map(str, range(10_000)))


RETURNS = group().replace("annotations: {", "annotations: {lapbell_reopen_within: 5m, ")
"""Says what a return is to it: an Alertmanager, which knows no recovering, hears the end when that is sure."""


async def test_an_alert_that_may_return_is_told_on_until_its_incident_is_resolved(tmp_path):
    async with sender(tmp_path, RETURNS) as made:
        told = await made.run(1350, a={0: 11, 90: 9})
    assert told == [
        *((at, "a", 0, at + 240) for at in range(0, 390, 60)),
        *((at, "a", 0, 390) for at in range(390, 390 + QUARTER_S, 60)),
    ]


async def test_an_alert_that_returned_was_never_told_as_over(tmp_path):
    async with sender(tmp_path, RETURNS) as made:
        told = await made.run(360, a={0: 11, 90: 9, 210: 11})
    assert told == [
        (0, "a", 0, 240),
        (60, "a", 0, 300),
        (120, "a", 0, 360),
        (180, "a", 0, 420),
        (210, "a", 210, 450),
        (270, "a", 210, 510),
        (330, "a", 210, 570),
    ]


async def test_an_alert_that_waits_before_it_returns_is_told_on_meanwhile(tmp_path):
    async with sender(tmp_path, RETURNS.replace("for: 0s", "for: 2m")) as made:
        told = await made.run(510, a={0: 11, 150: 9, 300: 11})
    assert [(at, begin) for at, _, begin, end in told if end > at] == [
        (120, 120), (180, 120), (240, 120), (300, 120), (360, 120), (420, 420), (480, 420)
    ]  # fmt: skip
    assert len(told) == 7


async def test_a_restart_tells_on_what_recovers(tmp_path):
    async with sender(tmp_path, RETURNS) as made:
        await made.run(90, a={0: 11, 60: 9})
        store = made.line.store
    async with timeline(tmp_path, RETURNS, start=120, store=store) as line:
        again = Sender(line, box := Postbox(), line.notifier(box))
        assert await again.run(450, 120, a={120: 9}) == [
            (120, "a", 0, 360),
            (180, "a", 0, 420),
            (240, "a", 0, 480),
            (300, "a", 0, 540),
            (360, "a", 0, 360),
            (420, "a", 0, 360),
        ]


async def test_a_person_who_resolves_what_recovers_ends_it_there_too(tmp_path):
    async with sender(tmp_path, RETURNS) as made:
        await made.run(90, a={0: 11, 60: 9})
        made.line.clock.at = 100
        await made.line.alert_service.resolve(incident_key(made.box.got[0].labels), "ann", "known")
        await made.tell()
    assert made.told[-1] == (100, "a", 0, 100)


async def test_of_a_plain_rule_the_end_is_sent_while_our_own_incident_recovers(tmp_path):
    async with timeline(tmp_path, group(), reopen_within_s=None) as line:
        made = Sender(line, box := Postbox(), line.notifier(box))
        told = await made.run(1500, a={0: 11, 90: 9})
        states = [(each.at, each.state) for each in line.told]
    assert told == [(0, "a", 0, 240), (60, "a", 0, 300), *((at, "a", 0, 90) for at in range(90, 90 + QUARTER_S, 60))]
    assert states == [(0, "firing"), (90, "recovering"), (690, "resolved")]
