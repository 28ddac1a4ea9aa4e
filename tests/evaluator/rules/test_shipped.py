import subprocess

import pytest

from lapbell import semconv
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.evaluation.compiled import compile_groups
from lapbell_evaluator.model import OnNoData, RuleKind
from lapbell_evaluator.rules import analyse, load, printed, shipped
from lapbell_evaluator.rules.template import check
from lapbell_evaluator.runbooks import runbooks
from peers.locate import require
from runbook_kit import page_with_rule, pages

GROUPS = shipped(Thresholds())
EVERY = [rule for group in GROUPS for rule in group.rules]
RULES = [rule for rule in EVERY if rule.kind is RuleKind.ALERTING]


@pytest.mark.parametrize("program", ["promtool", "/usr/bin/promtool"])
def test_promtool_of_both_ages_accepts_them(program, tmp_path):
    (tmp_path / "shipped.yaml").write_text(printed(GROUPS))
    told = subprocess.run(
        [require(program), "check", "rules", tmp_path / "shipped.yaml"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert f"{len(EVERY)} rules found" in told.stdout, told.stdout + told.stderr


def test_printed_and_loaded_they_are_the_same_rules():
    assert load(printed(GROUPS)) == GROUPS


def test_the_seeds_thresholds_are_in_them():
    """A p95 above a threshold is more than 5 % above it: there, the seed's number is in what is counted."""
    found = {(rule.name, dict(rule.labels)["severity"]): analyse(rule).threshold for rule in RULES}
    assert found == {
        ("WebhookResponseTime", "warning"): 5.0,
        ("WebhookResponseTime", "critical"): 5.0,
        ("WebhookErrorRate", "warning"): 5.0,
        ("WebhookErrorRate", "critical"): 10.0,
        ("RedisLatency", "warning"): 5.0,
        ("RedisLatency", "critical"): 5.0,
        ("RedisFailureRate", "warning"): 5.0,
        ("RedisFailureRate", "critical"): 10.0,
        ("RedisCircuitOpen", "critical"): 0.0,
        ("CircuitOpen", "critical"): 0.0,
        ("WebhookStuck", "critical"): None,
        ("EventLoopBlocked", "warning"): 0.25,
        ("EventLoopBlocked", "critical"): 1.0,
        ("TaskQueueDepth", "warning"): 500.0,
        ("TaskQueueDepth", "critical"): 800.0,
        ("TaskQueueAge", "warning"): 60.0,
        ("TaskQueueAge", "critical"): 300.0,
        ("TaskQueueStalled", "critical"): 0.0,
        ("TaskStuck", "critical"): None,
        ("TaskFailureRate", "warning"): 5.0,
        ("TaskFailureRate", "critical"): 10.0,
        ("TaskProcessingTime", "warning"): 10.0,
        ("TaskProcessingTime", "critical"): 30.0,
        ("WorkerUtilization", "warning"): 80.0,
        ("WorkerUtilization", "critical"): 95.0,
        ("TaskQueueBackpressure", "warning"): None,
        ("CpuUtilization", "warning"): 80.0,
        ("CpuUtilization", "critical"): 95.0,
        ("MemoryUtilization", "warning"): 80.0,
        ("MemoryUtilization", "critical"): 95.0,
        ("DiskUtilization", "warning"): 80.0,
        ("DiskUtilization", "critical"): 95.0,
        ("LapbellNotReceiving", "warning"): 0.0,
        ("LapbellRejecting", "warning"): None,
        ("LapbellClockSkew", "warning"): None,
        ("LapbellEvaluationLag", "warning"): 10.0,
        ("LapbellDeliveryFailing", "warning"): None,
        ("LapbellDatabaseDown", "warning"): 30.0,
        ("LapbellDataDamaged", "warning"): 0.0,
    }


def test_a_threshold_that_is_set_is_the_rules():
    rules = [each for group in shipped(Thresholds(redis_operation_warning=0.25)) for each in group.rules]
    warning = next(each for each in rules if each.name == "RedisLatency" and ("severity", "warning") in each.labels)
    assert warning.expr == (
        "job_server_operation:redis_operations_over_250ms:percent1m > 5\n"
        "and job_server_operation:redis_operations_over_250ms:percent_evident > 5"
    )


def test_an_alert_is_at_most_three_short_lines():
    longest = {rule.name: (rule.expr.count("\n") + 1, max(map(len, rule.expr.splitlines()))) for rule in RULES}
    assert {name: shape for name, shape in longest.items() if shape[0] > 3 or shape[1] > 120} == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}-{dict(rule.labels)['severity']}")
def test_each_resolves_on_evidence_alone_and_tells_people_what_to_do(rule):
    annotations = dict(rule.annotations)
    assert rule.on_no_data is OnNoData.KEEP
    assert analyse(rule).value_expr is not None
    assert {"summary", "description", "runbook_url"} <= annotations.keys()
    assert dict(rule.labels)["category"] in ("webhook", "redis", "task_queue", "system", "lapbell")
    check(annotations["summary"])
    check(annotations["description"])


def test_the_metrics_they_read_are_names_of_the_convention():
    read = frozenset[str]().union(*(group.metrics or frozenset() for group in compile_groups(GROUPS, 5.0)))
    known = {
        value.replace(".", "_") for name, value in vars(semconv).items() if isinstance(value, str) and name.isupper()
    }
    assert [name for name in sorted(read) if not any(name.startswith(each) for each in known)] == []


def test_every_link_leads_to_the_runbook_of_its_alert_and_every_runbook_is_one_of_an_alert():
    linked = {(rule.name, dict(rule.annotations)["runbook_url"]) for rule in RULES}
    assert linked == {(page.title, f"/runbooks/{page.name}") for page in runbooks()}


def test_runbooks_of_a_users_own_are_linked_as_they_say():
    rules = [each for group in shipped(Thresholds(), "https://wiki.example/{name}?v=1") for each in group.rules]
    linked = {dict(rule.annotations)["runbook_url"] for rule in rules if rule.name == "RedisLatency"}
    assert linked == {"https://wiki.example/redis-latency?v=1"}


def test_only_what_half_an_hour_is_asked_of_is_kept_for_so_long():
    longest: dict[str, float] = {}
    for rule in EVERY:
        for name, reach_s in analyse(rule).reach_s.items():
            longest[name] = max(longest.get(name, 0.0), reach_s)
    assert {name for name, reach_s in longest.items() if reach_s > 300} == {
        "webhook_request_duration_seconds",
        "webhook_request_duration_seconds_count",
        "messaging_worker_count",
    }


def test_the_rule_stands_on_the_page_of_its_alert():
    stale = [path.name for path, rules in pages() if path.read_text() != page_with_rule(path.read_text(), rules)]
    assert stale == [], "run `python -m runbook_kit` in tests/"
