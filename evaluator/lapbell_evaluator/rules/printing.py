"""Groups as a Prometheus rule file."""

from collections.abc import Iterable
from typing import Any

import yaml

from lapbell_evaluator.model import Labels, Rule, RuleGroup, RuleKind
from lapbell_evaluator.rules.duration import format_duration

__all__ = ["printed"]


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as literal blocks."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def printed(groups: Iterable[RuleGroup]) -> str:
    """YAML that Prometheus, promtool and `load` read; loading it gives equal rules."""
    document = {"groups": [_group(group) for group in groups]}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _group(group: RuleGroup) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": group.name}
    if group.interval_s is not None:
        fields["interval"] = format_duration(group.interval_s)
    if group.query_offset_s:
        fields["query_offset"] = format_duration(group.query_offset_s)
    if group.limit:
        fields["limit"] = group.limit
    return {**fields, **_pairs("labels", group.labels), "rules": [_rule(rule) for rule in group.rules]}


def _rule(rule: Rule) -> dict[str, Any]:
    fields: dict[str, Any] = {"alert" if rule.kind is RuleKind.ALERTING else "record": rule.name, "expr": rule.expr}
    if rule.for_s:
        fields["for"] = format_duration(rule.for_s)
    if rule.keep_firing_for_s:
        fields["keep_firing_for"] = format_duration(rule.keep_firing_for_s)
    return {**fields, **_pairs("labels", rule.labels), **_pairs("annotations", rule.annotations)}


def _pairs(name: str, pairs: Labels) -> dict[str, dict[str, str]]:
    return {name: dict(pairs)} if pairs else {}
