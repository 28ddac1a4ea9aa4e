"""Every alert has its value, peak, trend, and the counts behind it."""

from alertlife.timeline import timeline
from lapbell_evaluator.model import AlertFigures

SHARE = """
groups:
- name: web
  rules:
  - alert: Failing
    expr: 100 * sum by (job) (increase(bad_total[1m])) / sum by (job) (increase(all_total[1m])) > 5.5
    annotations: {lapbell_on_no_data: keep}
"""
DEPTH = """
groups:
- name: queues
  rules:
  - alert: Deep
    expr: depth > 100
    annotations: {lapbell_on_no_data: keep}
  - alert: Low
    expr: workers < 3
    annotations: {lapbell_on_no_data: keep}
"""


def rounded(figures):
    numbers = (figures.peak, figures.minute_ago, figures.five_minutes_ago, figures.bad, figures.total)
    return AlertFigures(*(None if number is None else round(number, 1) for number in numbers))


async def test_a_share_says_how_many_of_how_many_and_what_it_was_a_minute_and_five_ago(tmp_path):
    """Ten requests every five seconds; none fails, then one in ten, then half, then a fifth."""
    async with timeline(tmp_path, SHARE) as line:
        bad = every = 0
        for at in range(0, 541, 5):
            line.push(at, "bad_total", bad, job="app")
            line.push(at, "all_total", every, job="app")
            await line.at(at)
            every += 10
            bad += 0 if at < 300 else 1 if at < 420 else 5 if at < 480 else 2
        (view,) = await line.alert_service.incidents()
        fired = next(transition.incident for transition in line.told if transition.state == "firing")
    assert round(view.incident.value, 1) == 20.0
    assert rounded(view.incident.figures) == AlertFigures(
        peak=50.0, minute_ago=50.0, five_minutes_ago=0.0, bad=24.0, total=120.0
    )
    assert rounded(fired.figures) == AlertFigures(peak=5.8, minute_ago=0.0, five_minutes_ago=0.0, bad=7.0, total=120.0)


async def test_of_a_window_without_events_there_are_no_counts(tmp_path):
    async with timeline(tmp_path, SHARE) as line:
        for at in range(0, 151, 5):  # all of ten fail, then nothing happens
            line.push(at, "bad_total", 0 if at < 30 else 10, job="app")
            line.push(at, "all_total", 0 if at < 30 else 10, job="app")
            await line.at(at)
        (view,) = await line.alert_service.incidents()
    assert rounded(view.incident.figures) == AlertFigures(peak=100.0)


async def test_a_value_that_is_no_share_has_no_counts_and_what_was_not_there_is_none(tmp_path):
    async with timeline(tmp_path, DEPTH) as line:
        for at, depth in ((0, 150), (5, 400), (10, 200)):
            line.push(at, "depth", depth, queue="q")
            await line.at(at)
        (view,) = await line.alert_service.incidents()
    assert view.incident.figures == AlertFigures(peak=400)


async def test_the_peak_of_what_fires_below_its_threshold_is_the_lowest_value(tmp_path):
    async with timeline(tmp_path, DEPTH) as line:
        for at, workers in ((0, 2), (5, 0), (10, 1)):
            line.push(at, "workers", workers, queue="q")
            await line.at(at)
        (view,) = await line.alert_service.incidents()
    assert view.incident.value == 1.0
    assert view.incident.figures == AlertFigures(peak=0.0)


async def test_readers_who_come_more_often_than_the_rule_is_evaluated_ask_nothing_anew(tmp_path):
    async with timeline(tmp_path, SHARE) as line:
        for at, bad in ((0, 0), (5, 0), (10, 9)):
            line.push(at, "bad_total", bad, job="app")
            line.push(at, "all_total", at * 10, job="app")
            await line.at(at)
        line.clock.at = 14.0
        line.push(14, "bad_total", 99, job="app")
        (soon,) = await line.alert_service.incidents()
        line.clock.at = 15.0
        (later,) = await line.alert_service.incidents()
    assert rounded(soon.incident.figures).bad == 9.0
    assert rounded(later.incident.figures).bad == 106.1


async def test_a_resolved_incident_keeps_its_peak_over_a_restart(tmp_path):
    async with timeline(tmp_path, DEPTH) as line:
        for at, depth in ((0, 150), (5, 400), (10, 40)):
            line.push(at, "depth", depth, queue="q")
            await line.at(at)
    async with timeline(tmp_path, DEPTH, start=20) as line:
        (view,) = await line.alert_service.resolved()
    assert view.incident.value == 40.0
    assert view.incident.figures == AlertFigures(peak=400)
