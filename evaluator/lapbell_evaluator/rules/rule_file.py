"""Prometheus rule files: from text to groups, every problem with its line and column.

Source: Prometheus' model/rulefmt; extensions are annotations with the prefix `lapbell_`.
"""

import logging
from dataclasses import dataclass
from typing import Final

import yaml

from lapbell_evaluator.model import (
    ALERT_NAME,
    METRIC_NAME,
    Labels,
    OnNoData,
    Rule,
    RuleGroup,
    RuleKind,
    ValueKind,
)
from lapbell_evaluator.promql import PromqlError, kind_of, parse
from lapbell_evaluator.rules import extensions
from lapbell_evaluator.rules.analysis import analyse
from lapbell_evaluator.rules.duration import parse_duration
from lapbell_evaluator.rules.errors import RuleFileError
from lapbell_evaluator.rules.extensions import ExtensionError, Extensions
from lapbell_evaluator.rules.template import TemplateError, check
from lapbell_evaluator.rules.yaml_node import Problems, Texts, compose, items, mapping, scalar, strings, value_of

__all__ = ["SEVERAL_DOCUMENTS", "RuleFile", "load", "read"]

_GROUP_FIELDS: Final = ("name", "interval", "query_offset", "limit", "labels", "rules")
_RULE_FIELDS: Final = ("record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_TEXTS: Final = ("labels", "annotations")
_LONGEST_LIMIT: Final = 9
_MOST_PROBLEMS: Final = 1_000
_MOST_RULES: Final = 100_000
"""Aliases make millions of a small file."""

SEVERAL_DOCUMENTS: Final = "only the first of several YAML documents is read"
"""What Prometheus warns of, too."""

_log: Final = logging.getLogger(__name__)
_RESULTS: Final = (ValueKind.VECTOR, ValueKind.SCALAR)


def load(text: str, file: str = "") -> tuple[RuleGroup, ...]:
    """The groups of a rule file.

    Args:
        text: YAML.
        file: its name, for messages and for the identity of its groups.

    Raises:
        RuleFileError: every problem of the file.
    """
    content = read(text, file)
    if content.is_followed:
        _log.warning("%s: %s", file or "<rules>", SEVERAL_DOCUMENTS)
    return content.groups


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What a rule file holds.

    Attributes:
        groups: of its first document.
        is_followed: whether other documents follow, which are left out, as Prometheus leaves them out.
    """

    groups: tuple[RuleGroup, ...]
    is_followed: bool


def read(text: str, file: str = "") -> RuleFile:
    """The groups of a rule file, and whether more follows than is read.

    Raises:
        RuleFileError: every problem of the file.
    """
    problems = Problems([])
    document = compose(text)
    if document.broken is not None:
        raise RuleFileError(file, [document.broken])
    groups: dict[str, RuleGroup] = {}
    count = 0
    fields = {} if document.node is None else mapping(document.node, ("groups",), problems)
    for item in items(fields.get("groups"), problems):
        group = _group(item, file, problems)
        if group.name in groups:
            problems.add(item, f'groupname: "{group.name}" is repeated in the same file')
        groups[group.name] = group
        count += len(group.rules)
        if count > _MOST_RULES:
            problems.add(item, f"more than {_MOST_RULES} rules in one file")
        if count > _MOST_RULES or len(problems.problems) >= _MOST_PROBLEMS:
            break
    if problems.problems:
        raise RuleFileError(file, problems.problems)
    return RuleFile(tuple(groups.values()), document.is_followed)


def _group(node: yaml.Node, file: str, problems: Problems) -> RuleGroup:
    fields = mapping(node, _GROUP_FIELDS, problems)
    name = scalar(fields.get("name"), problems)
    if not name:
        problems.add(node, "Groupname must not be empty")
    problems.group = name
    limit = scalar(fields.get("limit"), problems) or "0"
    if not _is_limit(limit):
        problems.add(fields["limit"], f"limit: not a number: {limit!r}")
        limit = "0"
    interval_s = _duration(fields, "interval", problems)
    rules = []
    for number, item in enumerate(items(fields.get("rules"), problems), 1):
        problems.rule = number
        rules.append(_rule(item, problems))
        problems.rule, problems.name = 0, ""
    group = RuleGroup(
        name=name,
        rules=tuple(rules),
        interval_s=interval_s or None,
        limit=int(limit),
        query_offset_s=_duration(fields, "query_offset", problems),
        labels=_labels(strings(fields.get("labels"), problems), problems),
        file=file,
    )
    problems.group = ""
    return group


def _is_limit(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_LIMIT


def _rule(node: yaml.Node, problems: Problems) -> Rule:
    problems.name = value_of(node, "alert", "record")
    fields = mapping(node, _RULE_FIELDS, problems)
    record, alert = (scalar(fields.get(key), problems) for key in ("record", "alert"))
    if bool(record) == bool(alert):
        problems.add(
            node, f"{'only ' if record else ''}one of 'record' {'and' if record else 'or'} 'alert' must be set"
        )
    texts = {field: strings(fields.get(field), problems) for field in _TEXTS}
    annotations = {name: text for name, (text, _) in texts["annotations"].items()}
    extended = _extensions(fields, annotations, problems)
    rule = Rule(
        name=alert or record,
        expr=scalar(fields.get("expr"), problems),
        kind=RuleKind.RECORDING if record else RuleKind.ALERTING,
        for_s=_duration(fields, "for", problems),
        keep_firing_for_s=_duration(fields, "keep_firing_for", problems),
        labels=_labels(texts["labels"], problems),
        annotations=tuple(sorted(annotations.items())),
        on_no_data=extended.on_no_data,
        on_error=extended.on_error,
        recovery_expr=extended.recovery_expr,
        warm_after_s=extended.warm_after_s,
        reopen_within_s=extended.reopen_within_s,
    )
    if record:
        _check_recording(rule, fields, problems)
    else:
        _check_templates(texts, problems)
    _check_expressions(rule, fields, node, problems)
    return rule


def _check_recording(rule: Rule, fields: dict[str, yaml.Node], problems: Problems) -> None:
    has = {"annotations": bool(rule.annotations), "for": rule.for_s, "keep_firing_for": rule.keep_firing_for_s}
    for name, is_there in has.items():
        if is_there:
            problems.add(fields[name], f"invalid field '{name}' in recording rule")
    if "{" in rule.name or "}" in rule.name:
        problems.add(fields["record"], f"braces present in the recording rule name; should it be in expr?: {rule.name}")


def _check_templates(texts: dict[str, Texts], problems: Problems) -> None:
    for field, own in texts.items():
        for name, (text, node) in own.items():
            try:
                check(text)
            except TemplateError as error:
                problems.add(node, f'{field.removesuffix("s")} "{name}": {error.message}')


def _check_expressions(rule: Rule, fields: dict[str, yaml.Node], node: yaml.Node, problems: Problems) -> None:
    if not rule.expr:
        problems.add(fields.get("expr", node), "field 'expr' must be set in rule")
        return
    for text, at in ((rule.expr, fields["expr"]), (rule.recovery_expr, fields.get("annotations", node))):
        if text is not None:
            _check_expression(text, at, problems)
    if problems.problems:
        return
    if rule.on_no_data is not OnNoData.RESOLVE and analyse(rule).value_expr is None:
        problems.add(
            fields["annotations"],
            f"{extensions.ON_NO_DATA}: {rule.on_no_data} needs a value to look at, and the expression compares none;"
            f" say with {extensions.RECOVERY_EXPR} what is to be finite",
        )


def _check_expression(text: str, node: yaml.Node, problems: Problems) -> None:
    """A problem stands at its place in the file, where the text is written as a plain or a literal block scalar."""
    try:
        if kind_of(parse(text)) not in _RESULTS:
            problems.add(node, "the expression must give an instant vector or a scalar")
    except PromqlError as error:
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        message = f"could not parse expression: {error}"
        if style == "|":
            problems.add(node, message, lines_down=error.line)
        elif not style and isinstance(node, yaml.ScalarNode) and error.line == 1:
            problems.add(node, message, column=node.start_mark.column + error.column)
        else:
            problems.add(node, message)


def _extensions(fields: dict[str, yaml.Node], annotations: dict[str, str], problems: Problems) -> Extensions:
    try:
        return extensions.read(annotations)
    except ExtensionError as error:
        _, node = strings(fields["annotations"], Problems([]))[error.annotation]
        problems.add(node, str(error))
        return Extensions()


def _labels(texts: Texts, problems: Problems) -> Labels:
    for name, (_, at) in texts.items():
        if not name or name == METRIC_NAME:
            problems.add(at, f"invalid label name: {name}")
        elif name == ALERT_NAME:
            problems.add(at, f"the label {ALERT_NAME} is the rule's name")
    return tuple(sorted((name, text) for name, (text, _) in texts.items()))  # an empty value removes the label


def _duration(fields: dict[str, yaml.Node], name: str, problems: Problems) -> float:
    text = scalar(fields.get(name), problems)
    if not text:
        return 0.0
    try:
        return parse_duration(text)
    except ValueError as error:
        problems.add(fields[name], f"{name}: {error}")
        return 0.0
