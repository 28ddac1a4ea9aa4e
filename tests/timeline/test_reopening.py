"""From clearing to resolved: what returns meanwhile is the same incident, and wakes nobody unless it is worse."""

from collections.abc import Mapping

import pytest

from alertlife.timeline import Timeline, timeline
from lapbell_evaluator.model import HistoryQuery, Incident, InhibitRule, LabelMatcher, PostableAlert, State, labels
from lapbell_evaluator.rules import load
from lapbell_evaluator.series import SeriesStore

RULES = """
groups:
- name: g
  interval: 10s
  rules:
  - alert: Deep
    expr: depth > 100
    labels: {severity: warning}
    annotations: {summary: "{{ $value }} wait", lapbell_on_no_data: keep}
  - alert: Deep
    expr: depth > 200
    labels: {severity: critical}
    annotations: {summary: "{{ $value }} wait", lapbell_on_no_data: keep}
"""
PATIENT = RULES.replace("    labels:", "    for: 30s\n    labels:")
WITHIN_S = 600


async def lives(line: Timeline, until: int, depths: Mapping[int, float | None], begin: int = 0) -> None:
    """A sample every 10 s; None is none."""
    for at in range(begin, until + 1, 10):
        depth = depths[max(step for step in depths if step <= at)]
        if depth is not None:
            line.push(at, "depth", depth)
        await line.at(at)


def moves(line: Timeline) -> list[tuple[float, str, str, str, str]]:
    """Time, state, severity, reason, and what receivers make of it."""
    return [
        (
            each.at,
            each.state,
            each.incident.severity,
            each.reason,
            "page" if each.is_page else "update" if each.is_news else "",
        )
        for each in line.told
    ]


def incident(line: Timeline) -> Incident:
    (only,) = line.alerts.incidents.values()
    return only


async def test_what_clears_recovers_at_once_and_is_resolved_after_ten_minutes(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 700, {0: 150, 60: 50})
        assert moves(line) == [
            (0, "firing", "warning", "breached", "page"),
            (60, "recovering", "warning", "recovered", "update"),
            (660, "resolved", "warning", "recovered", "update"),
        ]
        (view,) = await line.alert_service.resolved()
    assert view.incident.recovering_at == 60
    assert view.incident.resolved_at == 660
    assert view.duration_s == 60
    assert view.incident.value == 50
    assert view.message == "150 wait"


async def test_what_returns_within_ten_minutes_is_the_same_incident_without_a_word(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 650, {0: 150, 60: 50, 650: 150})
        assert moves(line)[2:] == [(650, "firing", "warning", "reopened", "")]
        assert incident(line).fired_at == 0
        await lives(line, 1310, {660: 150, 700: 50}, begin=660)
        assert moves(line)[3:] == [
            (700, "recovering", "warning", "recovered", ""),
            (1300, "resolved", "warning", "recovered", "update"),
        ]
        history = await line.alert_service.history(HistoryQuery(limit=10))
    assert {each.incident.id for each in history.items} == {line.told[0].incident.id}


async def test_what_returns_after_it_was_told_as_resolved_pages(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 670, {0: 150, 60: 50, 670: 150})
        assert moves(line)[-1] == (670, "firing", "warning", "breached", "page")
        assert incident(line).id != line.told[0].incident.id


async def test_a_severity_that_nobody_was_woken_for_pages_taken_or_not(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 30, {0: 150})
        await line.alert_service.acknowledge(incident(line).key, "ann", "mine")
        await lives(line, 200, {40: 50, 100: 250}, begin=40)
        assert moves(line)[2:] == [
            (40, "recovering", "warning", "recovered", "update"),
            (100, "firing", "critical", "reopened", "page"),
        ]
        assert incident(line).acknowledged_by == "ann"


async def test_falling_is_an_update_and_rising_again_to_what_was_told_wakes_nobody(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 60, {0: 150, 10: 250, 20: 150, 30: 250, 40: 50, 50: 150, 60: 250})
        assert moves(line) == [
            (0, "firing", "warning", "breached", "page"),
            (10, "firing", "critical", "escalated", "page"),
            (20, "firing", "warning", "deescalated", "update"),
            (30, "firing", "critical", "escalated", "update"),
            (40, "recovering", "critical", "recovered", "update"),
            (50, "firing", "warning", "reopened", ""),
            (60, "firing", "critical", "escalated", ""),
        ]


async def test_what_flaps_is_one_quiet_incident_that_says_so(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 1000, {at: 150 if at % 100 < 50 else 50 for at in range(0, 1001, 10)})
        (view,) = await line.alert_service.incidents()
        assert view.is_flapping
        assert line.news() == [(0, "firing", "warning", "breached"), (50, "recovering", "warning", "recovered")]
        assert len(moves(line)) == 21


async def test_a_return_that_began_in_time_is_a_return_however_long_its_rule_waits(tmp_path):
    async with timeline(tmp_path, PATIENT, reopen_within_s=None) as line:
        await lives(line, 720, {0: 150, 60: 50, 640: 150})
        assert moves(line)[1:] == [
            (30, "firing", "warning", "held_long_enough", "page"),
            (60, "recovering", "warning", "recovered", "update"),
            (670, "firing", "warning", "reopened", ""),
        ]


async def test_a_return_that_does_not_last_delays_nothing_but_itself(tmp_path):
    async with timeline(tmp_path, PATIENT, reopen_within_s=None) as line:
        await lives(line, 720, {0: 150, 60: 50, 650: 150, 670: 50})
        assert moves(line)[-1] == (670, "resolved", "warning", "recovered", "update")


async def test_the_wait_goes_on_over_a_restart_and_ends_once_somebody_has_looked(tmp_path):
    store = SeriesStore()
    async with timeline(tmp_path, RULES, reopen_within_s=None, store=store) as line:
        await lives(line, 70, {0: 150, 60: 50})
        before = incident(line)
    async with timeline(tmp_path, RULES, start=500, reopen_within_s=None, store=store) as line:
        assert incident(line) == before
        await lives(line, 650, {500: 50}, begin=500)
        assert line.told == []
        await lives(line, 670, {660: 50}, begin=660)
        assert moves(line) == [(660, "resolved", "warning", "recovered", "update")]
        assert line.told[0].incident.id == before.id


@pytest.mark.parametrize(("depth", "found"), [(50, "resolved"), (150, "firing")])
async def test_a_wait_that_ended_while_nobody_watched_ends_with_the_first_look(tmp_path, depth, found):
    store = SeriesStore()
    async with timeline(tmp_path, RULES, reopen_within_s=None, store=store) as line:
        await lives(line, 70, {0: 150, 60: 50})
    async with timeline(tmp_path, RULES, start=5000, reopen_within_s=None, store=store) as line:
        await lives(line, 5000, {5000: depth}, begin=5000)
        assert [each[1:] for each in moves(line)] == [
            (found, "warning", *(("recovered", "update") if found == "resolved" else ("reopened", "")))
        ]


async def test_a_rule_that_fails_sees_no_return_and_so_nothing_is_resolved(tmp_path):
    rules = RULES.replace("depth >", "depth * on () group_left () one >")
    async with timeline(tmp_path, rules, reopen_within_s=None) as line:
        line.push(0, "one", 1)
        await lives(line, 250, {0: 150, 60: 50})
        line.push(260, "one", 1)
        await lives(line, 500, {260: 50}, begin=260)
        for of in ("a", "b"):
            line.push(500, "one", 1, of=of)
        await lives(line, 750, {510: 50}, begin=510)
        assert incident(line).state is State.RECOVERING
        for at in range(760, 850, 10):
            line.push(at, "one", None, of="a")
            line.push(at, "one", None, of="b")
            line.push(at, "one", 1)
            await lives(line, at, {at: 50}, begin=at)
        assert moves(line)[-1] == (760, "resolved", "warning", "recovered", "update")


async def test_a_person_ends_it_at_once_and_then_a_return_pages(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 70, {0: 150, 60: 50})
        view = await line.alert_service.resolve(incident(line).key, "ann", "the pool was too small")
        assert view.incident.state is State.RESOLVED
        assert view.incident.resolved_by == "ann"
        await lives(line, 80, {80: 150}, begin=80)
        assert moves(line)[2:] == [
            (70, "resolved", "warning", "manual", "update"),
            (80, "firing", "warning", "breached", "page"),
        ]


async def test_a_person_ends_it_while_something_waits_which_is_then_another_incident(tmp_path):
    async with timeline(tmp_path, PATIENT, reopen_within_s=None) as line:
        await lives(line, 70, {0: 150, 60: 50, 70: 150})
        await line.alert_service.resolve(incident(line).key, "ann", "enough")
        assert moves(line)[-2:] == [
            (70, "resolved", "warning", "manual", "update"),
            (70, "pending", "warning", "breached", "update"),
        ]
        assert incident(line).id != line.told[0].incident.id


async def test_one_whose_rules_are_removed_is_over_at_once(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 70, {0: 250, 60: 50})
        await line.runner.reload([])
        assert moves(line)[-1] == (70, "resolved", "critical", "rule_removed", "update")
        assert dict(line.alerts.incidents) == {}


async def test_no_traffic_has_waited_for_long_enough(tmp_path):
    rules = """
groups:
- name: g
  interval: 10s
  rules:
  - alert: Slow
    expr: rate(seconds[1m]) / rate(count[1m]) > 1
    annotations: {lapbell_on_no_data: keep}
"""
    async with timeline(tmp_path, rules, reopen_within_s=None) as line:
        for at in range(0, 1200, 10):
            line.push(at, "count", min(at, 60))
            line.push(at, "seconds", 2 * min(at, 60))
            await line.at(at)
        assert [(each[1], each[3]) for each in moves(line)] == [("firing", "breached"), ("resolved", "idle")]


async def test_a_series_that_ends_may_be_back_in_a_moment(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        for at in range(0, 70, 10):
            line.push(at, "depth", 150 if at < 60 else None, pod="a")
            line.push(at, "depth", 50, pod="b")
            await line.at(at)
        line.push(70, "depth", 150, pod="a")
        await line.at(70)
        assert moves(line)[1:] == [
            (60, "recovering", "warning", "series_ended", "update"),
            (70, "firing", "warning", "reopened", ""),
        ]


@pytest.mark.parametrize(
    ("annotation", "reopen_within_s", "resolved_at"),
    [("", None, 660), ("", 60, 120), ("", 0, 60), (", lapbell_reopen_within: 2m", 600, 180),
     (", lapbell_reopen_within: 0s", 600, 60), (", lapbell_warm_after: 1s", 600, 660)],
)  # fmt: skip
async def test_the_wait_is_the_rules_own_or_the_setting(tmp_path, annotation, reopen_within_s, resolved_at):
    rules = RULES.replace("keep}", f"keep{annotation}}}")
    async with timeline(tmp_path, rules, reopen_within_s=reopen_within_s) as line:
        await lives(line, 700, {0: 150, 60: 50})
        assert moves(line)[-1][:2] == (resolved_at, "resolved")


@pytest.mark.parametrize(("window", "wait_s"), [("1m", 600), ("15m", 900), ("30m", 1800), ("1h", 3600), ("3d", 3600)])
async def test_without_a_setting_the_wait_is_as_long_as_the_rules_longest_window_up_to_an_hour(
    tmp_path, window, wait_s
):
    rules = RULES.replace("depth >", f"max_over_time(depth[1s]) + 0 * count_over_time(depth[{window}]) >")
    async with timeline(tmp_path, rules, reopen_within_s=None) as line:
        await lives(line, 60, {0: 150, 60: 50})
        assert incident(line).reopen_within_s == wait_s


async def test_a_reload_changes_how_long_what_clears_from_then_on_may_return(tmp_path):
    async with timeline(tmp_path, RULES, reopen_within_s=None) as line:
        await lives(line, 10, {0: 150})
        await line.runner.reload(load(RULES.replace("keep}", "keep, lapbell_reopen_within: 1m}")))
        await lives(line, 200, {20: 50}, begin=20)
        assert moves(line)[-1][:2] == (80, "resolved")


async def test_alerts_of_others_wait_too_unless_they_say_otherwise(tmp_path):
    nothing = "groups: [{name: g, rules: [{alert: Never, expr: vector(0) > 1}]}]"
    async with timeline(tmp_path, nothing, reopen_within_s=None) as line:
        for name, text in (("Waits", None), ("Ends", "0s"), ("Odd", "?")):
            own = labels({} if text is None else {"lapbell_reopen_within": text})
            await line.external_alerts.post([PostableAlert(labels({"alertname": name}), own, 0, 60)])
        await line.at(60)
        await line.at(660)
        found = [(dict(each.incident.labels)["alertname"], each.at, each.state) for each in line.told[3:]]
    assert sorted(found) == [
        ("Ends", 60, "resolved"),
        ("Odd", 60, "recovering"),
        ("Odd", 660, "resolved"),
        ("Waits", 60, "recovering"),
        ("Waits", 660, "resolved"),
    ]


async def test_after_a_restart_others_have_five_minutes_to_repeat_what_returned(tmp_path):
    nothing = "groups: [{name: g, rules: [{alert: Never, expr: vector(0) > 1}]}]"
    posted = PostableAlert(labels({"alertname": "Theirs"}), (), 0, 60)
    async with timeline(tmp_path, nothing, reopen_within_s=None) as line:
        await line.external_alerts.post([posted])
        await line.at(60)
    async with timeline(tmp_path, nothing, start=5000, reopen_within_s=None) as line:
        await line.at(5299)
        assert line.told == []
        await line.at(5300)
        assert [(each.at, each.state) for each in line.told] == [(5300, "resolved")]


async def test_what_recovers_keeps_nothing_else_quiet(tmp_path):
    rules = RULES + "  - {alert: Late, expr: late > 0}\n"
    async with timeline(tmp_path, rules, reopen_within_s=None) as line:
        line.muting.inhibit_rules = (
            InhibitRule((LabelMatcher("alertname", "Deep"),), (LabelMatcher("alertname", "Late"),), ()),
        )
        inhibited = {}
        for at, depth in ((0, 150), (10, 50), (20, 150)):
            line.push(at, "late", 1)
            line.push(at, "depth", depth)
            await line.at(at)
            inhibited[at] = [each.name for each in await line.alert_service.incidents() if each.inhibited_by]
    assert inhibited == {0: ["Late"], 10: [], 20: ["Late"]}


async def test_those_that_fire_come_first_then_those_that_recover_then_those_that_wait(tmp_path):
    rules = RULES + "  - {alert: Waits, expr: depth > 0, for: 1h, labels: {severity: critical}}\n"
    rules += "  - {alert: Stays, expr: depth > 0, labels: {severity: info}}\n"
    async with timeline(tmp_path, rules, reopen_within_s=None) as line:
        await lives(line, 20, {0: 150, 10: 50})
        views = await line.alert_service.incidents()
        counts = [(each.alertname, each.state, each.count) for each in line.alert_service.counts()]
    assert [(each.name, each.incident.state) for each in views] == [
        ("Stays", "firing"),
        ("Deep", "recovering"),
        ("Waits", "pending"),
    ]
    assert counts == [("Deep", "recovering", 1), ("Stays", "firing", 1), ("Waits", "pending", 1)]
