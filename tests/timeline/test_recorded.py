"""What rules make is kept like what was received: it is found a day later, and a restart goes on from it."""

import numpy as np

from alertlife.timeline import timeline
from lapbell import semconv
from lapbell_evaluator.model import Histogram, labels

NOON = 1_800_000_000.0
HOUR_S = 3_600
RULES = """
groups:
- name: queues
  rules:
  - record: queue:depth
    expr: depth * 2
  - alert: Deep
    expr: depth > 100
"""
DEEP = {"__name__": "ALERTS", "alertname": "Deep", "alertstate": "firing"}


def kept(tmp_path, rules=RULES, start=NOON):
    return timeline(tmp_path, rules, start=start, has_history=True)


def alerts(names):
    """What a query for ALERTS answers where these queues are deep."""
    return [({**DEEP, "queue": name}, 1.0) for name in names]


async def test_alerts_and_recorded_series_of_hours_ago_are_found_and_so_is_their_end(tmp_path):
    async with kept(tmp_path) as line:
        for second, depth in ((0, 150), (5, 150), (10, 50)):
            line.push(NOON + second, "depth", depth, queue="mail")
            await line.at(NOON + second)
        line.push(NOON + 14, "depth", None, queue="mail")
        await line.at(NOON + 15)
        await line.history.committed()
        line.history.go_round()
        line.clock.at = NOON + 5 * HOUR_S
        line.history.go_round()
        found = [
            await line.value(expr, NOON + second)
            for expr in ("ALERTS", "ALERTS_FOR_STATE", "queue:depth")
            for second in (5, 10, 15)
        ]
    since = [({"__name__": "ALERTS_FOR_STATE", "alertname": "Deep", "queue": "mail"}, NOON)]
    recorded = {"__name__": "queue:depth", "queue": "mail"}
    assert found == [
        *(alerts(["mail"]), [], []),
        *(since, [], []),
        *([(recorded, 300.0)], [(recorded, 100.0)], []),
    ]


async def test_recorded_series_are_there_at_once_after_a_restart(tmp_path):
    async with kept(tmp_path) as line:
        line.push(NOON, "depth", 7, queue="mail")
        await line.at(NOON)
    async with kept(tmp_path, start=NOON + 20) as line:
        assert await line.value("queue:depth") == [({"__name__": "queue:depth", "queue": "mail"}, 14.0)]


async def test_alerts_that_ended_while_nobody_looked_end_at_the_first_evaluation_and_the_others_go_on(tmp_path):
    async with kept(tmp_path) as line:
        for name in ("mail", "push"):
            line.push(NOON, "depth", 150, queue=name)
        await line.at(NOON)
    async with kept(tmp_path, start=NOON + 20) as line:
        at_first = await line.value("ALERTS")
        line.push(NOON + 19, "depth", 150, queue="mail")
        line.push(NOON + 19, "depth", 50, queue="push")
        await line.at(NOON + 20)
        assert at_first == alerts(["mail", "push"])
        assert await line.value("ALERTS") == alerts(["mail"])
        assert await line.value("ALERTS_FOR_STATE") == [
            ({"__name__": "ALERTS_FOR_STATE", "alertname": "Deep", "queue": "mail"}, NOON)
        ]


async def test_alerts_of_a_rule_that_was_removed_while_nobody_looked_end_at_the_start(tmp_path):
    async with kept(tmp_path) as line:
        line.push(NOON, "depth", 150, queue="mail")
        await line.at(NOON)
    others = RULES.replace("Deep", "Deeper")
    async with kept(tmp_path, others, start=NOON + 20) as line:
        assert await line.value("ALERTS") == []


async def test_what_a_failing_rule_made_before_a_restart_has_not_ended(tmp_path):
    async with kept(tmp_path) as line:
        line.push(NOON, "depth", 7, queue="mail")
        await line.at(NOON)
    failing = RULES.replace("depth * 2", 'label_replace(depth, "queue", "", "", "")')
    async with kept(tmp_path, failing, start=NOON + 20) as line:
        for queue in ("push", "pull"):
            line.push(NOON + 19, "depth", 7, queue=queue)
        await line.at(NOON + 20)
        assert await line.value("queue:depth") == [({"__name__": "queue:depth", "queue": "mail"}, 14.0)]


async def test_a_series_of_before_a_restart_ends_when_every_rule_of_its_name_was_evaluated(tmp_path):
    rules = """
groups:
- name: queues
  rules:
  - {record: doubled, expr: depth * 2, labels: {of: one}}
  - {record: doubled, expr: depth * 2, labels: {of: other}}
"""
    failing = rules.replace(
        "depth * 2, labels: {of: other}", '\'label_replace(depth, "queue", "", "", "")\', labels: {of: other}'
    )
    async with kept(tmp_path, rules) as line:
        line.push(NOON, "depth", 7, queue="mail")
        await line.at(NOON)
    async with kept(tmp_path, failing, start=NOON + 20) as line:
        line.push(NOON + 19, "depth", None, queue="mail")
        for queue in ("one", "two"):
            line.push(NOON + 19, "depth", 1, queue=queue)
        await line.at(NOON + 20)
        while_one_fails = await line.value("count by (of) (doubled{queue='mail'})")
        for queue in ("one", "two"):
            line.push(NOON + 24, "depth", None, queue=queue)
        await line.at(NOON + 25)
        assert while_one_fails == [({"of": "one"}, 1.0), ({"of": "other"}, 1.0)]
        assert await line.value("doubled") == []


async def test_recorded_native_histograms_are_kept_and_end_like_numbers(tmp_path):
    rules = "groups: [{name: native, rules: [{record: doubled, expr: sizes * 2}]}]"
    sizes = Histogram(schema=0, count=3, sum=5, positive=np.array([1.0, 2.0]))
    count = "histogram_count(doubled)"
    async with kept(tmp_path, rules) as line:
        ref = line.history.intern(labels({"__name__": "sizes"}))
        line.history.append_histogram(ref, round(NOON * 1000), sizes)
        await line.at(NOON)
    async with kept(tmp_path, rules, start=NOON + 20) as line:
        at_first = await line.value(count)
        line.push(NOON + 19, "sizes", None)
        await line.at(NOON + 20)
        assert at_first == [({}, 6.0)]
        assert await line.value(count) == []


async def test_a_restart_without_the_database_does_not_take_the_time_of_an_alert_from_its_series(tmp_path):
    rules = RULES.replace("expr: depth > 100", "expr: depth > 100\n    for: 30s")
    async with kept(tmp_path, rules) as line:
        line.push(NOON, "depth", 150, queue="mail")
        await line.at(NOON)
    (tmp_path / "alerts.db").unlink()
    async with kept(tmp_path, rules, start=NOON + 40) as line:
        line.push(NOON + 40, "depth", 150, queue="mail")
        await line.at(NOON + 40)
        pending = {"__name__": "ALERTS_FOR_STATE", "alertname": "Deep", "queue": "mail"}
        assert await line.value("ALERTS_FOR_STATE") == [(pending, NOON + 40)]
        assert line.news() == [(NOON + 40, "pending", "", "breached")]


async def test_fifty_rules_are_written_with_one_commit(tmp_path):
    rules = "\n".join(f"  - {{record: 'queue:depth{n}', expr: depth * {n}}}" for n in range(50))
    async with kept(tmp_path, f"groups:\n- name: queues\n  rules:\n{rules}") as line:
        line.push(NOON, "depth", 7)
        await line.history.committed()
        before = commits(line)
        await line.at(NOON)
        await line.history.committed()
        assert commits(line) - before <= 2  # one more where a second passed meanwhile


def commits(line):
    return next(each.value for each in line.history.readings() if each.name == semconv.LAPBELL_HISTORY_COMMITS)
