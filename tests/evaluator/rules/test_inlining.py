"""Recording rules put in the place where later rules of their group read them."""

import pytest

from lapbell_evaluator.evaluation.compiled import compile_groups
from lapbell_evaluator.promql import walk
from lapbell_evaluator.rules import load

RECORDINGS = """
groups:
- name: g
  labels: {team: web}
  rules:
  - {record: 'job:errors:rate5m', expr: 'sum by (job) (rate(errors_total[5m]))'}
  - {record: 'job:errors:ratio', expr: 'job:errors:rate5m / job:errors:rate5m'}
  - {record: 'job:load', expr: load1, labels: {window: 1m}}
  - {record: 'job:load', expr: load5 or load15, labels: {window: 5m}}
  - {record: plain, expr: requests_total * 2}
"""
RATE = 'label_replace(sum by (job) (rate(errors_total[5m])), "team", "web", "", "")'
LOAD1 = 'label_replace(label_replace(load1, "team", "web", "", ""), "window", "1m", "", "")'
LOAD5 = 'label_replace(label_replace(load5 or load15, "team", "web", "", ""), "window", "5m", "", "")'


def compiled(expr: str):
    text = f"{RECORDINGS}  - {{alert: A, expr: '{expr}'}}\n"
    (group,) = compile_groups(load(text), 5.0)
    return group


@pytest.mark.parametrize(
    ("expr", "inlined"),
    [
        ("job:errors:rate5m > 0.1", f"({RATE}) > 0.1"),
        ("job:errors:ratio > 0.1", f'(label_replace(({RATE}) / ({RATE}), "team", "web", "", "")) > 0.1'),
        ('job:load{window="1m"} > 3', f"({LOAD1}) > 3"),
        ('max(job:load{window=~".*m"}) > 3', f"max((({LOAD1}) or ({LOAD5}))) > 3"),
    ],
)
def test_a_selector_becomes_what_its_recordings_would_make(expr, inlined):
    assert str(compiled(expr).rules[-1].expr) == inlined


@pytest.mark.parametrize(
    "expr",
    [
        'job:errors:ratio{job="a"} > 0.1',
        "job:errors:ratio offset 5m > 0.1",
        "max_over_time(job:errors:ratio[5m]) > 0.1",
        "max_over_time(job:errors:ratio[5m:1m]) > 0.1",
        "absent(job:errors:ratio)",
        'job:load{window="9m"} > 3',
        "plain > 3",
        "job:unknown > 3",
    ],
)
def test_what_only_the_recorded_series_can_answer_is_read_from_it(expr):
    group = compiled(expr)
    assert str(group.rules[-1].expr) == expr
    assert group.is_closed == (expr == "job:unknown > 3")


def test_a_group_whose_rules_read_raw_series_alone_is_touched_by_those():
    group = compiled("job:errors:ratio > 0.1")
    assert group.is_closed is True
    assert group.metrics == {"errors_total", "load1", "load5", "load15", "requests_total"}


def test_a_rule_is_as_cold_as_the_window_of_what_it_reads():
    assert compiled("job:errors:ratio > 0.1").rules[-1].window_s == 300.0


def sizes(rules: str) -> list[int]:
    """Nodes of each rule's expression."""
    (group,) = compile_groups(load(f"groups: [{{name: g, rules: [{rules}]}}]"), 5.0)
    return [sum(1 for _ in walk(rule.expr)) for rule in group.rules]


def test_recordings_that_read_each_other_twice_stop_growing():
    chain = [f"{{record: 'a:{at + 1}', expr: 'a:{at} + a:{at}'}}" for at in range(60)]
    assert max(sizes(f"{{record: 'a:0', expr: up}}, {', '.join(chain)}")) < 10_000


def test_a_name_that_is_recorded_more_than_a_hundred_times_is_read():
    many = [f"{{record: 'a:b', expr: up, labels: {{c: '{at}'}}}}" for at in range(101)]
    assert sizes(f"{', '.join(many)}, {{alert: A, expr: 'a:b > 1'}}")[-1] == 3


def test_a_rule_does_not_see_the_recordings_behind_it():
    assert sizes("{record: 'a:b', expr: 'c:d'}, {record: 'c:d', expr: up}, {alert: A, expr: 'c:d'}") == [1, 1, 2]
