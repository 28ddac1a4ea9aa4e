"""Where the seconds went: every moment of an incident, on a hand-moved clock with real rooms."""

import pytest

from alertlife.timeline import timeline
from lapbell_evaluator.model import Onset, PostableAlert, labels
from lapbell_evaluator.notify import Delivery, DeliveryError

RULES = """
groups:
- name: g
  rules:
  - alert: Deep
    expr: {expr}
    for: {hold}
"""


def rules(expr: str, hold: str = "0s") -> str:
    return RULES.format(expr=expr, hold=hold)


async def onsets(line) -> dict[str, Onset]:
    return {
        dict(each.incident.labels).get("queue", ""): each.incident.onset
        for each in await line.alert_service.incidents()
    }


class Post:
    """Takes notices some time after they were sent, or not at all."""

    def __init__(self, clock, takes_s: float) -> None:
        self.clock, self.takes_s, self.is_open = clock, takes_s, True

    async def send(self, notices) -> None:
        self.clock.at += self.takes_s
        if not self.is_open:
            raise DeliveryError("nobody is there")


async def test_the_first_bad_sample_is_the_newest_that_was_read_for_each_series(tmp_path):
    async with timeline(tmp_path, rules("max by (queue) (depth) > 100")) as line:
        line.push(7.0, "depth", 150, queue="a", pod="one")
        line.push(8.5, "depth", 120, queue="a", pod="two")
        line.push(9.25, "depth", 200, queue="b", pod="one")
        line.push(9.5, "depth", 50, queue="c", pod="one")
        await line.at(10)
        assert await onsets(line) == {"a": Onset(10, 8.5), "b": Onset(10, 9.25)}


async def test_an_arrival_is_that_of_the_newest_sample_behind_the_breach(tmp_path):
    async with timeline(tmp_path, rules("max by (queue) (depth) > 100")) as line:
        line.push(5.0, "depth", 150, arrives=5.5, queue="a", pod="one")
        line.push(7.0, "depth", 120, arrives=7.25, queue="a", pod="two")
        line.push(8.0, "depth", 150, queue="recorded")
        await line.at(10)
        assert await onsets(line) == {"a": Onset(10, 7.0, 7.25), "recorded": Onset(10, 8.0, None)}


async def test_a_sender_whose_clock_runs_ahead_has_measured_no_later_than_it_arrived(tmp_path):
    async with timeline(tmp_path, rules("depth > 100")) as line:
        line.push(9.0, "depth", 150, arrives=8.0, queue="a")
        line.push(9.0, "depth", 150, arrives=10.25, queue="b")
        await line.at(10)
        assert await onsets(line) == {"a": Onset(10, 8.0, 8.0), "b": Onset(10, 9.0, 10.0)}


async def test_of_a_rate_it_is_the_newest_sample_in_the_window(tmp_path):
    async with timeline(tmp_path, rules("sum by (queue) (rate(done_total[1m])) > 1")) as line:
        for at, value in ((0.5, 0), (30.5, 10), (58.5, 1000)):
            line.push(at, "done_total", value, queue="a")
        await line.at(60)
        assert await onsets(line) == {"a": Onset(60, 58.5)}


async def test_a_series_that_joins_in_counts_and_a_stranger_does_not(tmp_path):
    async with timeline(tmp_path, rules("depth / on (queue) group_left () size > 0.5")) as line:
        line.push(5.0, "depth", 80, queue="a", pod="one")
        line.push(6.0, "size", 100, queue="a")
        line.push(9.0, "size", 100, queue="b")
        await line.at(10)
        assert await onsets(line) == {"a": Onset(10, 6.0)}


async def test_what_is_read_with_an_offset_has_its_own_time(tmp_path):
    async with timeline(tmp_path, rules("depth offset 1m > 100")) as line:
        line.push(20.0, "depth", 150, queue="a")
        line.push(75.0, "depth", 150, queue="a")
        await line.at(80)
        assert await onsets(line) == {"a": Onset(80, 20.0)}


async def test_absence_has_no_first_sample_and_neither_has_an_alert_of_others(tmp_path):
    async with timeline(tmp_path, rules("absent(depth) == 1")) as line:
        await line.at(10)
        await line.external_alerts.post([PostableAlert(labels({"alertname": "Theirs", "queue": "a"}))])
        assert await onsets(line) == {"": Onset(10), "a": Onset(10)}


async def test_pending_is_seen_before_it_fires_and_a_restart_forgets_nothing(tmp_path):
    held = rules("depth > 100", "10s")
    async with timeline(tmp_path, held) as line:
        line.push(4.0, "depth", 150, queue="a")
        await line.at(5)
        store = line.store
    async with timeline(tmp_path, held, start=10, store=store) as line:
        for at in range(10, 35, 5):
            line.push(at, "depth", 150, queue="a")
            await line.at(at)
        (view,) = await line.alert_service.incidents()
        assert view.timeline.first_bad_sample_at == 4
        assert view.timeline.evaluated_at == 5
        assert view.timeline.fired_at == 20


async def test_a_new_incident_has_an_onset_of_its_own(tmp_path):
    async with timeline(tmp_path, rules("depth > 100")) as line:
        for at, value in ((1, 150), (6, 50), (11, 150)):
            line.push(at, "depth", value, queue="a")
            await line.at(at + 1)
        assert await onsets(line) == {"a": Onset(12, 11)}


async def test_sent_and_delivered_are_those_of_the_firing_and_of_the_resolved_notice(tmp_path):
    async with timeline(tmp_path, rules("depth > 100")) as line:
        post = Post(line.clock, takes_s=0.5)
        delivery = Delivery("otlp", post, line.database, line.clock)
        line.push(1, "depth", 150, queue="a")
        await line.at(2)
        post.is_open, line.clock.at = False, 3
        with pytest.raises(DeliveryError):
            await delivery.deliver()
        post.is_open, line.clock.at = True, 5
        await delivery.deliver()
        line.push(9, "depth", 50, queue="a")
        await line.at(10)
        line.clock.at = 11
        await delivery.deliver()
        key = line.told[0].incident.key
        (view,) = await line.alert_service.with_deliveries([await line.alert_service.incident(key)])
    moments, told = view.timeline, view.timeline.deliveries
    assert moments.first_bad_sample_at == 1
    assert moments.evaluated_at == 2
    assert moments.fired_at == 2
    assert moments.sent_at == 3
    assert moments.delivered_at == 5.5
    assert moments.resolved_at == 10
    assert moments.resolved_sent_at == 11
    assert moments.resolved_delivered_at == 11.5
    assert [(each.what, each.receiver, each.attempts, each.error) for each in told] == [
        ("firing", "otlp", 2, ""),
        ("resolved", "otlp", 1, ""),
    ]


async def test_an_attempt_that_is_under_way_or_failed_is_told_with_its_error(tmp_path):
    async with timeline(tmp_path, rules("depth > 100")) as line:
        post = Post(line.clock, takes_s=0.5)
        post.is_open = False
        line.push(1, "depth", 150, queue="a")
        await line.at(2)
        with pytest.raises(DeliveryError):
            await Delivery("otlp", post, line.database, line.clock).deliver()
        (view,) = await line.alert_service.with_deliveries(await line.alert_service.incidents())
    (told,) = view.timeline.deliveries
    assert told.sent_at == 2
    assert told.delivered_at is None
    assert told.attempts == 1
    assert told.error == "nobody is there"
