"""The counts behind a share."""

import pytest

from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.model import RuleKind
from lapbell_evaluator.promql import parse
from lapbell_evaluator.rules import analyse, counted, recordings_before, shipped


def texts(share):
    counts = counted(parse(share))
    return None if counts is None else tuple(map(str, counts))


@pytest.mark.parametrize(
    ("share", "bad", "every"),
    [
        (
            "100 * sum(increase(bad_total[1m])) / sum(increase(all_total[1m]))",
            "sum(increase(bad_total[1m]))",
            "sum(increase(all_total[1m]))",
        ),
        ("rate(bad_total[5m]) / rate(all_total[5m])", "increase(bad_total[5m])", "increase(all_total[5m])"),
        ("max by (job) (x_count / y_count) * 100", "max by (job) (x_count)", "max by (job) (y_count)"),
        ("(a_total / b_total) or (c_total / d_total)", "(a_total) or (c_total)", "(b_total) or (d_total)"),
        (
            "a_total / b_total and b_total > 9",
            "(a_total) and b_total > 9",
            "(b_total) and b_total > 9",
        ),
        (
            'label_replace(a_total / b_total, "window", "1m", "", "")',
            'label_replace(a_total, "window", "1m", "", "")',
            'label_replace(b_total, "window", "1m", "", "")',
        ),
        (
            "histogram_count(rate(x{outcome='error'}[1m])) / rate(x_count[1m])",
            None,
            None,
        ),
    ],
)
def test_a_share_is_taken_apart_into_how_many_were_bad_of_how_many(share, bad, every):
    assert texts(share) == (None if bad is None else (str(parse(bad)), str(parse(every))))


@pytest.mark.parametrize(
    "value",
    [
        "rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m])",
        "busy / workers",
        "100 * sum(avg_over_time(worker_count{state='busy'}[1m])) / sum(avg_over_time(worker_count[1m]))",
        "histogram_quantile(0.95, rate(x_bucket[1m]))",
        "100 * (1 - avg(idle))",
        "sum(depth)",
        "a_total / b_total + 1",
    ],
)
def test_what_counts_nothing_has_no_counts(value):
    assert texts(value) is None


def test_the_shares_of_the_shipped_rules_have_counts():
    with_counts = set()
    for group in shipped(Thresholds()):
        for rule, recordings in recordings_before(group.rules, group.labels):
            if rule.kind is RuleKind.ALERTING and counted(analyse(rule, recordings).breach_expr) is not None:
                with_counts.add(rule.name)
    assert with_counts == {
        "WebhookResponseTime",
        "WebhookErrorRate",
        "RedisLatency",
        "RedisFailureRate",
        "TaskFailureRate",
    }
