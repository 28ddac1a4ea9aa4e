"""What is known ahead is what the same question is answered at its moment, when later input is not there yet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.evaluation.compiled import CompiledRule, compile_groups
from lapbell_evaluator.model import QueryResult
from lapbell_evaluator.promql import Engine
from lapbell_evaluator.rule_tests.cases import InputSeries, TestGroup
from lapbell_evaluator.rule_tests.foresight import Foresight
from lapbell_evaluator.rule_tests.inputs import Inputs
from lapbell_evaluator.rules import load
from lapbell_evaluator.series import Limits, SeriesStore

MINUTES = 12
TIMES = [60.0 * minute for minute in range(MINUTES)]
LIMITS = Limits(retention_ms=86_400_000, late_ms=86_400_000, coalesce_ms=0)
SERIES = ('a{x="1",le="1"}', 'a{x="1",le="+Inf"}', 'a{x="2"}', 'b{x="1"}', 'b{x="3"}')
EXPRS = (
    "a > 1",
    "a offset 2m",
    "rate(a[3m])",
    "increase(a[3m]) > 0 or b",
    "sum by (x) (a) / on (x) group_left () b",
    "a and on (x) b unless b > 3",
    "absent(a)",
    "absent_over_time(b[2m])",
    "max_over_time(sum(a)[5m:1m])",
    "topk(1, a)",
    "count_values('v', a)",
    "quantile(0.5, a)",
    "stddev_over_time(b[4m]) >= bool 0",
    "histogram_quantile(0.5, sum by (le) (rate(a[5m])))",
    "label_replace(a, 'y', '$1', 'x', '(.*)') == 0",
    "-a",
    "avg(a) > 1 and vector(1)",
    "timestamp(b)",
    "vector(time())",
    "predict_linear(b[5m], 60)",
    "min_over_time(a[4m]) < last_over_time(a[4m])",
)
VALUES = st.lists(st.sampled_from(("0", "1", "2.5", "7", "1e9", "_", "stale", "NaN", "-3")), max_size=MINUTES)


def alerts(*exprs: str) -> list[CompiledRule]:
    rules = "".join(f"\n  - alert: R{number}\n    expr: {expr!r}" for number, expr in enumerate(exprs))
    groups = compile_groups(load(f"groups:\n- name: g\n  rules:{rules}\n"), 60.0)
    return [rule for group in groups for rule in group.rules]


def inputs(series: dict[str, list[str]]) -> TestGroup:
    every = tuple(InputSeries(name, " ".join(values)) for name, values in series.items())
    return TestGroup("t", 60.0, every, (), (), (), "", 0.0)


def shown(result: QueryResult | None) -> object:
    return None if result is None else (result.kind, sorted(map(repr, result.samples)))


@settings(max_examples=scaled(25), deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(SERIES, VALUES)))
def test_what_is_known_ahead_is_what_is_answered_at_each_moment(series):
    test, ahead, now = inputs(series), SeriesStore(LIMITS), SeriesStore(LIMITS)
    rules = alerts(*EXPRS)
    Inputs(test, ahead).load(TIMES[-1])
    coming = Inputs(test, now)
    engine, engine_ahead = Engine(now), Engine(ahead)
    foresight = Foresight(engine_ahead, rules, frozenset())
    foresight.expect(TIMES)
    different = []
    for time in TIMES:
        coming.load(time)
        for rule in rules:
            known = foresight.query(rule.expr, time)
            if known is not None and shown(known) != shown(engine.query_here(rule.expr, time)):
                different.append((rule.rule.expr, time))
    engine.close()
    engine_ahead.close()
    assert different == []


@pytest.mark.parametrize(
    ("expr", "is_known"),
    [
        ("a", True),
        ("rate(a[5m] offset 1m)", True),
        ("recorded", False),
        ("{x='1'}", False),
        ("a offset -1m", False),
        ("a @ 60", False),
        ("a @ end()", False),
        ("max_over_time(a[5m:1m] @ start())", False),
        ("rate(a[step() + 1m])", False),
        ("info(a)", False),
    ],
)
def test_what_reads_rules_or_what_comes_later_is_asked_at_its_moment(expr, is_known):
    store = SeriesStore(LIMITS)
    Inputs(inputs({"a": ["1"] * MINUTES}), store).load(TIMES[-1])
    engine = Engine(store)
    [rule] = alerts(expr)
    foresight = Foresight(engine, [rule], frozenset({"recorded"}))
    foresight.expect(TIMES)
    answer = foresight.query(rule.expr, TIMES[3])
    engine.close()
    assert (answer is not None) is is_known


def test_what_has_no_answer_at_one_moment_is_asked_at_each():
    store = SeriesStore(LIMITS)
    Inputs(inputs({"a": ["1"] * MINUTES, 'b{y="1"}': ["1"] * 6, 'b{y="2"}': ["_"] * 5 + ["1"]}), store).load(TIMES[-1])
    engine = Engine(store)
    [rule] = alerts("a * on () b")
    foresight = Foresight(engine, [rule], frozenset())
    foresight.expect(TIMES)
    answer = foresight.query(rule.expr, TIMES[0])
    engine.close()
    assert answer is None
