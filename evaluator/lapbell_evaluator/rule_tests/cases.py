"""A test file, read strictly: what is not known is an error with its line."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import yaml

from lapbell_evaluator.model import Labels, labels
from lapbell_evaluator.rules import RuleFileError
from lapbell_evaluator.rules.duration import parse_duration
from lapbell_evaluator.rules.yaml_node import Problems, compose, items, mapping, scalar, strings

__all__ = ["AlertCase", "ExpectedAlert", "ExpectedSample", "ExprCase", "InputSeries", "TestFile", "TestGroup", "read"]

_FILE: Final = ("rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare")
_TEST: Final = (
    "name", "interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels", "external_url",
    "start_timestamp",
)  # fmt: skip
_MINUTE_S: Final = 60.0
_UNIX_SECONDS: Final = re.compile(r"-?\d++(?:\.\d++)?")
_SPECIAL: Final = re.compile(r"([+-]?)\.(inf|nan)")
_DIGITS: Final = tuple(".0123456789")


@dataclass(frozen=True, slots=True)
class InputSeries:
    """A series and its values, in promtool's notation."""

    series: str
    values: str


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An alert that fires."""

    labels: Labels
    annotations: Labels


@dataclass(frozen=True, slots=True)
class AlertCase:
    """Which alerts of one name fire at one time (seconds from the start)."""

    eval_time_s: float
    alertname: str
    expected: tuple[ExpectedAlert, ...]


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """One sample of a result; `histogram` in its notation is empty where the value is a number."""

    labels: str
    value: float
    histogram: str = ""


@dataclass(frozen=True, slots=True)
class ExprCase:
    """What an expression gives at one time (seconds from the start)."""

    expr: str
    eval_time_s: float
    expected: tuple[ExpectedSample, ...]


@dataclass(frozen=True, slots=True)
class TestGroup:
    """Input and what is expected of it.

    Attributes:
        name: for messages.
        interval_s: between two values of an input series.
        start: Unix seconds of the first value.
    """

    __test__ = False  # to pytest this is no test

    name: str
    interval_s: float
    inputs: tuple[InputSeries, ...]
    alerts: tuple[AlertCase, ...]
    exprs: tuple[ExprCase, ...]
    external_labels: Labels
    external_url: str
    start: float


@dataclass(frozen=True, slots=True)
class TestFile:
    """A whole file.

    Attributes:
        rule_files: those that the patterns match, relative to the file.
        interval_s: between two evaluations.
        order: of groups by their names.
        is_fuzzy: values may differ in the last bit.
    """

    __test__ = False  # to pytest this is no test

    rule_files: tuple[Path, ...]
    interval_s: float
    order: tuple[str, ...]
    tests: tuple[TestGroup, ...]
    is_fuzzy: bool


def read(file: Path) -> TestFile:
    """Read a test file.

    Raises:
        RuleFileError: every problem with its line.
    """
    try:
        document = compose(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RuleFileError(f"{file}: {error}", ()) from None
    if document.broken is not None:
        raise RuleFileError(str(file), [document.broken])
    problems = Problems([])
    fields = {} if document.node is None else mapping(document.node, _FILE, problems)
    interval_s = _duration(fields, "evaluation_interval", problems) or _MINUTE_S
    order = tuple(scalar(name, problems) for name in items(fields.get("group_eval_order"), problems))
    if len(set(order)) != len(order):
        problems.add(fields["group_eval_order"], "group name repeated in evaluation order")
    patterns = [scalar(pattern, problems) for pattern in items(fields.get("rule_files"), problems)]
    tests = tuple(
        _test(test, f"unnamed#{number}", interval_s, problems)
        for number, test in enumerate(items(fields.get("tests"), problems))
    )
    if problems.problems:
        raise RuleFileError(str(file), problems.problems)
    return TestFile(
        rule_files=tuple(path for pattern in patterns for path in _globbed(file.parent, pattern)),
        interval_s=interval_s,
        order=order,
        tests=tests,
        is_fuzzy=scalar(fields.get("fuzzy_compare"), problems) == "true",
    )


def _globbed(folder: Path, pattern: str) -> list[Path]:
    path = Path(pattern)
    base, rest = (Path(path.anchor), str(path.relative_to(path.anchor))) if path.is_absolute() else (folder, pattern)
    return sorted(base.glob(rest))


def _test(node: yaml.Node, unnamed: str, interval_s: float, problems: Problems) -> TestGroup:
    fields = mapping(node, _TEST, problems)
    return TestGroup(
        name=scalar(fields.get("name"), problems) or unnamed,
        interval_s=_duration(fields, "interval", problems) or interval_s,
        inputs=tuple(_input(series, problems) for series in items(fields.get("input_series"), problems)),
        alerts=tuple(_alerts(case, problems) for case in items(fields.get("alert_rule_test"), problems)),
        exprs=tuple(_expr(case, problems) for case in items(fields.get("promql_expr_test"), problems)),
        external_labels=_labels(fields.get("external_labels"), problems),
        external_url=scalar(fields.get("external_url"), problems),
        start=_start(fields.get("start_timestamp"), problems),
    )


def _input(node: yaml.Node, problems: Problems) -> InputSeries:
    fields = mapping(node, ("series", "values"), problems)
    return InputSeries(scalar(fields.get("series"), problems), scalar(fields.get("values"), problems))


def _alerts(node: yaml.Node, problems: Problems) -> AlertCase:
    fields = mapping(node, ("eval_time", "alertname", "exp_alerts"), problems)
    name = scalar(fields.get("alertname"), problems)
    if not name:
        problems.add(node, "an item under alert_rule_test misses required attribute alertname")
    expected = []
    for alert in items(fields.get("exp_alerts"), problems):
        texts = mapping(alert, ("exp_labels", "exp_annotations"), problems)
        own = dict(_texts(texts.get("exp_labels"), problems)) | {"alertname": name}
        expected.append(ExpectedAlert(tuple(sorted(own.items())), _texts(texts.get("exp_annotations"), problems)))
    return AlertCase(_duration(fields, "eval_time", problems), name, tuple(expected))


def _expr(node: yaml.Node, problems: Problems) -> ExprCase:
    fields = mapping(node, ("expr", "eval_time", "exp_samples"), problems)
    samples = []
    for sample in items(fields.get("exp_samples"), problems):
        parts = mapping(sample, ("labels", "value", "histogram"), problems)
        own, value = scalar(parts.get("labels"), problems), _number(parts.get("value"), problems)
        samples.append(ExpectedSample(own, value, scalar(parts.get("histogram"), problems)))
    return ExprCase(scalar(fields.get("expr"), problems), _duration(fields, "eval_time", problems), tuple(samples))


def _labels(node: yaml.Node | None, problems: Problems) -> Labels:
    return labels(_texts(node, problems))


def _texts(node: yaml.Node | None, problems: Problems) -> Labels:
    """What is expected, empty values too: an empty annotation is one, an empty label is never there."""
    return tuple(sorted((name, text) for name, (text, _) in strings(node, problems).items()))


def _duration(fields: dict[str, yaml.Node], name: str, problems: Problems) -> float:
    text = scalar(fields.get(name), problems)
    try:
        return parse_duration(text) if text else 0.0
    except ValueError as error:
        problems.add(fields[name], f"{name}: {error}")
        return 0.0


def _number(node: yaml.Node | None, problems: Problems) -> float:
    """A float as YAML writes it: infinity and NaN begin with a dot."""
    text = scalar(node, problems).replace("_", "").lower()
    if node is None or not text:
        return 0.0
    special = _SPECIAL.fullmatch(text)
    try:
        if special is None and text.lstrip("+-")[:1] not in _DIGITS:
            raise ValueError
        return float(f"{special[1]}{special[2]}" if special else text)
    except ValueError:
        problems.add(node, f"not a number: {text!r}")
        return 0.0


def _start(node: yaml.Node | None, problems: Problems) -> float:
    text = scalar(node, problems)
    if node is None or not text:
        return 0.0
    try:
        return float(text) if _UNIX_SECONDS.fullmatch(text) else datetime.fromisoformat(text).timestamp()
    except ValueError:
        problems.add(node, f"neither RFC 3339 nor Unix seconds: {text!r}")
        return 0.0
