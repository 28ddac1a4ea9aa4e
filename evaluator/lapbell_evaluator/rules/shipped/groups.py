"""The shipped rules, a group for each category."""

from dataclasses import replace
from typing import Final

import re2

from lapbell_evaluator.model import Rule, RuleGroup, RuleKind, labels
from lapbell_evaluator.rules.shipped import circuits, own, redis, stuck, system, task_queue, webhook
from lapbell_evaluator.rules.threshold_rules import RUNBOOK_URL
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["shipped"]

RUNBOOKS: Final = "/runbooks/{name}"


def shipped(thresholds: Thresholds, runbooks: str = RUNBOOKS) -> tuple[RuleGroup, ...]:
    """The shipped rules.

    Args:
        thresholds: the `thresholds` section of the configuration.
        runbooks: where the runbooks are, with `{name}` for the page: each rule's `runbook_url`.
    """
    families = {
        "lapbell-webhook": (*webhook.rules(thresholds), *stuck.webhook_rules(thresholds)),
        "lapbell-redis": redis.rules(thresholds),
        "lapbell-circuit": circuits.rules(),
        "lapbell-task-queue": (*task_queue.rules(thresholds), *stuck.queue_rules()),
        "lapbell-system": system.rules(thresholds),
        "lapbell": own.rules(),
    }
    return tuple(
        RuleGroup(name=name, rules=tuple(_with_runbook(rule, runbooks) for rule in rules))
        for name, rules in families.items()
    )


def _with_runbook(rule: Rule, runbooks: str) -> Rule:
    if rule.kind is RuleKind.RECORDING:
        return rule
    page = re2.sub("([a-z])([A-Z])", r"\1-\2", rule.name).lower()
    return replace(rule, annotations=labels((*rule.annotations, (RUNBOOK_URL, runbooks.replace("{name}", page)))))
