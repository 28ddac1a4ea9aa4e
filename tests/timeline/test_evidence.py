"""Alerts resolve on evidence alone: the evaluator as a whole, on a hand-moved clock."""

from collections import Counter

import pytest

from alertlife.timeline import timeline
from lapbell_evaluator.model import EvaluatorError, GroupView, Health, HistoryQuery
from lapbell_evaluator.rules import load, with_reopen_within

KEEP = """
groups:
- name: queues
  rules:
  - alert: Deep
    expr: max by (job, queue) (depth) > 100
    labels: {severity: warning, category: task_queue}
    annotations:
      summary: "{{ $labels.queue }} of {{ $labels.job }} holds {{ $value }}"
      lapbell_on_no_data: keep
  - alert: Deep
    expr: max by (job, queue) (depth) > 200
    labels: {severity: critical, category: task_queue}
    annotations: {lapbell_on_no_data: keep}
"""
PROMETHEUS = KEEP.replace("lapbell_on_no_data: keep", "x: y")


def error_of(group: GroupView) -> str:
    status = group.rules[0].status
    assert status is not None
    return status.error


async def test_a_breach_fires_with_its_message_and_resolves_with_the_recovered_value(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
        (incident,) = await line.alert_service.incidents()
        assert incident.message == "q of app holds 150"
        assert incident.category == "task_queue"
        assert incident.incident.threshold == 100.0
        line.push(5, "depth", 40, job="app", queue="q")
        await line.at(5)
        assert line.news() == [(0, "firing", "warning", "breached"), (5, "resolved", "warning", "recovered")]
        assert line.told[-1].incident.value == 40.0
        assert await line.alert_service.incidents() == ()


async def test_many_breaches_are_one_incident_that_escalates_and_falls(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        for at, depth in ((0, 150), (5, 180), (10, 250), (15, 260), (20, 150), (25, 10)):
            line.push(at, "depth", depth, job="app", queue="q")
            await line.at(at)
        assert line.news() == [
            (0, "firing", "warning", "breached"),
            (10, "firing", "critical", "escalated"),
            (20, "firing", "warning", "deescalated"),
            (25, "resolved", "warning", "recovered"),
        ]


async def test_what_an_edited_rule_says_of_more_series_is_no_recovery_while_one_of_them_breaches(tmp_path):
    async with timeline(tmp_path, KEEP.replace("max by (job, queue)", "max by (job)")) as line:
        for at, depth in ((0, 150), (5, 150), (10, 40)):
            line.push(at, "depth", depth, job="app", queue="q")
            await line.at(at)
            if at == 0:
                await line.runner.reload(with_reopen_within(load(KEEP), 0.0))
        assert [(*each[:2], each[3]) for each in line.news()] == [
            (0, "firing", "breached"),
            (5, "firing", "breached"),
            (10, "resolved", "recovered"),
            (10, "resolved", "recovered"),
        ]


async def test_a_sender_that_dies_keeps_the_incident_and_says_no_data(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
        line.push(5, "depth", None, job="app", queue="q")
        await line.at(10)
        await line.at(4000)
        assert len(line.news()) == 1
        (incident,) = await line.alert_service.incidents()
        assert incident.health == Health.NO_DATA
        assert incident.detail == "no data"


async def test_one_series_that_ends_while_its_siblings_report_is_resolved(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        line.push(0, "depth", 1, job="app", queue="other")
        await line.at(0)
        line.push(5, "depth", None, job="app", queue="q")
        line.push(5, "depth", 1, job="app", queue="other")
        await line.at(5)
        assert line.news()[-1] == (5, "resolved", "warning", "series_ended")


async def test_no_traffic_is_no_data_and_after_fifteen_minutes_idle(tmp_path):
    rules = """
groups:
- name: web
  rules:
  - alert: Slow
    expr: rate(seconds_sum[1m]) / rate(seconds_count[1m]) > 1
    annotations: {lapbell_on_no_data: keep}
"""
    async with timeline(tmp_path, rules) as line:
        for at in range(0, 65, 5):
            line.push(at, "seconds_sum", at * 2.0, job="app")
            line.push(at, "seconds_count", at * 1.0, job="app")
        await line.at(60)
        for at in range(65, 1105, 5):
            line.push(at, "seconds_sum", 120.0, job="app")
            line.push(at, "seconds_count", 60.0, job="app")
            await line.at(at)
        fired, resolved = line.news()
        assert fired[1] == "firing"
        assert resolved[1] == "resolved"
        assert resolved[3] == "idle"
        assert 60 + 900 <= resolved[0] <= 120 + 900 + 5


async def test_a_failing_expression_keeps_the_incident_and_shows_the_error(tmp_path):
    rules = """
groups:
- name: joins
  rules:
  - alert: Wrong
    expr: left * on (job) right > 1
"""
    async with timeline(tmp_path, rules) as line:
        line.push(0, "left", 2, job="app")
        line.push(0, "right", 2, job="app")
        await line.at(0)
        line.push(5, "left", 0, job="app")
        line.push(5, "right", 2, job="app", n="1")
        await line.at(5)
        assert len(line.news()) == 1
        (incident,) = await line.alert_service.incidents()
        assert incident.health is Health.ERROR
        (group,) = await line.alert_service.groups()
        assert error_of(group) == incident.detail != ""


async def test_prometheus_rules_resolve_on_an_empty_result(tmp_path):
    async with timeline(tmp_path, PROMETHEUS) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
        line.push(5, "depth", None, job="app", queue="q")
        await line.at(5)
        assert line.news()[-1] == (5, "resolved", "warning", "empty")


async def test_a_restart_keeps_the_incident_until_the_windows_are_warm_and_tells_nothing_twice(tmp_path):
    rules = KEEP.replace("max by (job, queue) (depth)", "max by (job, queue) (max_over_time(depth[1m]))")
    async with timeline(tmp_path, rules) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
    async with timeline(tmp_path, rules, start=20) as line:
        (incident,) = await line.alert_service.incidents()
        assert incident.incident.fired_at == 0
        for at in range(20, 80, 5):
            line.push(at, "depth", 1, job="app", queue="q")
            await line.at(at)
        assert line.news() == []
        (incident,) = await line.alert_service.incidents()
        assert incident.health is Health.COLD
        line.push(80, "depth", 1, job="app", queue="q")
        await line.at(80)
        assert line.news() == [(80, "resolved", "warning", "recovered")]
        assert [each.state for each in (await line.alert_service.history(HistoryQuery())).items] == [
            "resolved",
            "firing",
        ]


@pytest.mark.parametrize("rules", [KEEP, PROMETHEUS])
async def test_after_a_restart_silence_is_no_evidence_before_a_sample_would_have_been_looked_back_on(rules, tmp_path):
    async with timeline(tmp_path, rules) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
    async with timeline(tmp_path, rules, start=20) as line:
        for at in range(20, 330, 10):
            line.push(at, "depth", 1, job="app", queue="a-sibling")
            await line.at(at)
        assert [(each[0], each[1]) for each in line.news()] == [(320, "resolved")]


async def test_after_a_restart_absence_does_not_fire_before_senders_had_time_to_report(tmp_path):
    rules = "groups: [{name: g, rules: [{alert: Gone, expr: absent(depth)}]}]"
    async with timeline(tmp_path, rules) as line:
        await line.at(0)
        line.push(5, "depth", 1, job="app")
        await line.at(5)
        assert [each[1] for each in line.news()] == ["firing", "resolved"]
    async with timeline(tmp_path, rules, start=20) as line:
        await line.at(20)
        await line.at(315)
        assert line.news() == []
        await line.at(320)
        assert [each[1] for each in line.news()] == ["firing"]


async def test_cold_windows_do_not_fire_what_is_new(tmp_path):
    rules = KEEP.replace("max by (job, queue) (depth)", "max by (job, queue) (max_over_time(depth[1m]))")
    async with timeline(tmp_path, rules):
        pass
    async with timeline(tmp_path, rules, start=20) as line:
        for at in (20, 79, 80):
            line.push(at, "depth", 150, job="app", queue="q")
            await line.at(at)
        assert line.news() == [(80, "firing", "warning", "breached")]


async def test_pending_time_survives_a_restart_without_the_downtime(tmp_path):
    rules = KEEP.replace("    labels:", "    for: 40s\n    labels:")
    async with timeline(tmp_path, rules) as line:
        for at in range(0, 30, 5):
            line.push(at, "depth", 150, job="app", queue="q")
            await line.at(at)
        assert [each[1] for each in line.news()] == ["pending"]
    async with timeline(tmp_path, rules, start=100) as line:
        for at in range(100, 120, 5):
            line.push(at, "depth", 150, job="app", queue="q")
            await line.at(at)
        assert line.news() == [(115, "firing", "warning", "held_long_enough")]


async def test_resolved_by_hand_it_is_held_and_over_a_restart_too(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
        (incident,) = await line.alert_service.incidents()
        resolved = await line.alert_service.resolve(incident.incident.key, "ann", "scaled up")
        assert resolved.is_held is True
        assert resolved.incident.resolved_by == "ann"
        assert resolved.incident.resolved_why == "scaled up"
    async with timeline(tmp_path, KEEP, start=10) as line:
        line.push(10, "depth", 150, job="app", queue="q")
        await line.at(10)
        assert line.news() == []
        line.push(15, "depth", 1, job="app", queue="q")
        await line.at(15)
        line.push(20, "depth", 150, job="app", queue="q")
        await line.at(20)
        assert line.news() == [(20, "firing", "warning", "breached")]


async def test_early_data_raises_and_never_resolves(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        await line.at(0)
        line.push(1, "depth", 150, job="app", queue="q")
        line.runner.touch({"depth"})
        await line.at(1)
        line.push(2.5, "depth", 1, job="app", queue="q")
        line.runner.touch({"depth"})
        await line.at(2.5)
        assert line.news() == [(1, "firing", "warning", "breached")]
        await line.at(5)
        assert line.news()[-1] == (5, "resolved", "warning", "recovered")


async def test_data_of_other_metrics_evaluates_nothing_early(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        await line.at(0)
        line.push(1, "depth", 150, job="app", queue="q")
        line.runner.touch({"other"})
        await line.at(1)
        assert line.news() == []


async def test_early_evaluations_keep_a_quarter_of_a_second_between_them(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        await line.at(0)
        line.runner.touch()
        await line.at(1)
        line.push(1.1, "depth", 150, job="app", queue="q")
        line.runner.touch()
        await line.at(1.1)
        assert line.news() == []
        await line.at(1.25)
        assert line.news() == [(1.25, "firing", "warning", "breached")]


async def test_a_reload_keeps_what_stays_and_resolves_what_is_removed(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
        await line.runner.reload(load(KEEP.replace("> 100", "> 120")))
        await line.at(5)
        assert len(line.news()) == 1
        await line.runner.reload([])
        assert line.news()[-1] == (5, "resolved", "warning", "rule_removed")


async def test_a_rule_that_cannot_be_compiled_leaves_the_old_ones(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        broken = load(KEEP)[0]
        with pytest.raises(EvaluatorError):
            await line.runner.reload([type(broken)(broken.name, (type(broken.rules[0])("X", "up =="),))])
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
        assert len(line.news()) == 1


async def test_a_rule_removed_while_the_evaluator_was_down_is_resolved_at_the_start(tmp_path):
    async with timeline(tmp_path, KEEP) as line:
        line.push(0, "depth", 150, job="app", queue="q")
        await line.at(0)
    async with timeline(tmp_path, "groups: []", start=10) as line:
        assert line.news() == [(10, "resolved", "warning", "rule_removed")]


async def test_more_alerts_than_the_limit_are_an_error_that_moves_nothing(tmp_path):
    async with timeline(tmp_path, KEEP.replace("- name: queues", "- name: queues\n  limit: 2")) as line:
        for at, queues in ((0, "ab"), (5, "abc")):
            for queue in queues:
                line.push(at, "depth", 150, job="app", queue=queue)
            await line.at(at)
        assert len(line.news()) == 2
        (group,) = await line.alert_service.groups()
        assert "limit is 2" in error_of(group)


async def test_no_data_is_over_when_there_is_data_that_breaches(tmp_path):
    rules = KEEP[: KEEP.rindex("  - alert")].replace("lapbell_on_no_data: keep", "lapbell_on_no_data: fire")
    async with timeline(tmp_path, rules) as line:
        await line.at(0)
        line.push(5, "depth", 150, job="app", queue="q")
        await line.at(5)
        assert {(each.at, str(each.state), dict(each.incident.labels).get("queue")) for each in line.told} == {
            (0, "firing", None),
            (5, "resolved", None),
            (5, "firing", "q"),
        }


async def test_thousands_of_series_that_end_while_thousands_begin_are_told_apart(tmp_path):
    rules = "groups: [{name: g, rules: [{alert: Hot, expr: t > 1, annotations: {lapbell_on_no_data: keep}}]}]"
    async with timeline(tmp_path, rules) as line:
        for number in range(3000):
            line.push(0, "t", 2, pod=f"old-{number}")
        await line.at(0)
        for number in range(3000):
            line.push(5, "t", None, pod=f"old-{number}")
            line.push(5, "t", 2, pod=f"new-{number}")
        await line.at(5)
        moves = Counter((each.at, str(each.state), str(each.reason)) for each in line.told)
    assert moves == {
        (0, "firing", "breached"): 3000,
        (5, "firing", "breached"): 3000,
        (5, "resolved", "series_ended"): 3000,
    }


async def test_no_data_fires_where_the_rule_says_so(tmp_path):
    async with timeline(tmp_path, KEEP.replace("lapbell_on_no_data: keep", "lapbell_on_no_data: fire")) as line:
        await line.at(0)
        assert line.news() == [(0, "firing", "critical", "breached")]
        line.push(5, "depth", 1, job="app", queue="q")
        await line.at(5)
        assert line.news()[-1] == (5, "resolved", "critical", "recovered")


async def test_alerts_are_series_that_later_rules_of_the_group_see_at_once(tmp_path):
    rules = """
groups:
- name: chain
  rules:
  - record: deep
    expr: depth > 100
  - alert: Deep
    expr: deep
    for: 5s
  - alert: Both
    expr: count(ALERTS{alertname="Deep", alertstate="firing"}) > 0
"""
    async with timeline(tmp_path, rules) as line:
        line.push(0, "depth", 150, job="app")
        await line.at(0)
        assert await line.value("ALERTS") == [
            ({"__name__": "ALERTS", "alertname": "Deep", "alertstate": "pending", "job": "app"}, 1.0)
        ]
        line.push(5, "depth", 150, job="app")
        await line.at(5)
        assert {(each.at, each.incident.labels[0][1], str(each.state)) for each in line.told} == {
            (0, "Deep", "pending"),
            (5, "Deep", "firing"),
            (5, "Both", "firing"),
        }
        assert [value for _, value in await line.value("ALERTS_FOR_STATE{alertname='Deep'}")] == [0.0]
        line.push(10, "depth", 1, job="app")
        await line.at(10)
        assert await line.value("ALERTS") == []
        assert await line.value("deep") == []
