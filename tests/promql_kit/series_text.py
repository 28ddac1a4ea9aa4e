"""Series as test scripts write them: `name{label="value"} 1+2x3 _ stale {{count:3}}`.

Source of the notation: https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
"""

import re
from dataclasses import dataclass

from lapbell_evaluator.model import METRIC_NAME, Histogram, Labels, labels
from lapbell_evaluator.promql.syntax.quoting import unquoted
from lapbell_evaluator.rule_tests import histogram_notation as notation
from lapbell_evaluator.series.native import added, subtracted

_STRING = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`"
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PAIR = re.compile(
    rf"\s*(?:(?P<name>[a-zA-Z_][\w]*)|(?P<quoted>{_STRING}))\s*(?:=\s*(?P<value>{_STRING}))?\s*(?P<end>[,}}])"
)
_NUMBER = r"(?:[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|0x[0-9a-f]+|[iI]nf|[nN]a[nN]))"
_ITEM = re.compile(
    rf"(?P<blank>_)(?:x(?P<blanks>\d+))?$"
    rf"|(?P<stale>stale)(?:x(?P<stales>\d+))?$"
    rf"|(?P<start>{_NUMBER})(?:(?P<step>[+-]{_NUMBER})?x(?P<times>\d+))?$"
)
_HISTOGRAM_ITEM = re.compile(
    r"\{\{(?P<first>.*?)\}\}(?:(?P<op>[+-])\{\{(?P<second>.*?)\}\})?(?:x(?P<times>\d+))?(?=\s|$)"
)


@dataclass(frozen=True)
class Point:
    """One place of a series.

    `value` is None where nothing is; `is_stale` is a marker; `hint_matters` says that the text names a reset hint.
    """

    value: float | Histogram | None = None
    is_stale: bool = False
    hint_matters: bool = False


def parse_series(line: str) -> tuple[Labels, list[Point]]:
    """Labels and points of one line."""
    own, rest = parse_labels(line)
    return own, parse_points(rest)


def parse_labels(line: str) -> tuple[Labels, str]:
    """The labels at the beginning of a line, and what follows them."""
    pairs: dict[str, str] = {}
    name = _NAME.match(line)
    at = 0
    if name is not None:
        pairs[METRIC_NAME] = name[0]
        at = name.end()
    if line[at : at + 1] == "{" and line[at : at + 2] != "{{":
        at = _read_braces(line, at + 1, pairs)
    elif name is None:
        raise ValueError(f"no series in {line!r}")
    return labels(pairs), line[at:].strip()


def _read_braces(line: str, at: int, pairs: dict[str, str]) -> int:
    while True:
        if closing := re.compile(r"\s*}").match(line, at):
            return closing.end()
        pair = _PAIR.match(line, at)
        if pair is None:
            raise ValueError(f"bad labels in {line!r}")
        name = pair["name"] or unquoted(pair["quoted"])
        if pair["value"] is None:
            pairs[METRIC_NAME] = name
        else:
            pairs[name] = unquoted(pair["value"])
        at = pair.end()
        if pair["end"] == "}":
            return at


def parse_points(text: str) -> list[Point]:
    """The points of a series, repetitions written out."""
    points: list[Point] = []
    text = text.strip()
    while text:
        if text.startswith("{{"):
            item = _HISTOGRAM_ITEM.match(text)
            if item is None:
                raise ValueError(f"bad histogram in {text!r}")
            points += _histogram_points(item)
            text = text[item.end() :].strip()
            continue
        word, _, text = text.partition(" ") if " " in text else (text, "", "")
        word, _, rest = word.partition("\t")
        text = f"{rest} {text}".strip()
        points += _float_points(word)
    return points


def _float_points(word: str) -> list[Point]:
    item = _ITEM.match(word)
    if item is None:
        raise ValueError(f"bad value {word!r}")
    if item["blank"]:
        return [Point()] * int(item["blanks"] or 1)
    if item["stale"]:
        return [Point(is_stale=True)] * (int(item["stales"] or 0) + 1)
    value, points = _number(item["start"]), []
    for _ in range(int(item["times"] or 0) + 1):
        points.append(Point(value))
        value += _number(item["step"]) if item["step"] else 0.0
    return points


def _number(text: str) -> float:
    sign = -1.0 if text.startswith("-") else 1.0
    digits = text.lstrip("+-")
    if text[:2] in ("+-", "-+", "--"):
        return -_number(text[1:]) if text[0] == "-" else _number(text[1:])
    return sign * (float(int(digits, 16)) if digits.startswith("0x") else float(digits))


def _histogram_points(item: re.Match[str]) -> list[Point]:
    first, first_hint = parse_histogram(item["first"])
    times = int(item["times"] or 0)
    if item["op"] is None:
        return [Point(first, hint_matters=first_hint)] * (times + 1)
    second, second_hint = parse_histogram(item["second"])
    function = added if item["op"] == "+" else subtracted
    points = [Point(first, hint_matters=second_hint)]
    for _ in range(times):
        first = function(first, second).histogram
        points.append(Point(first, hint_matters=second_hint))
    return points


def parse_histogram(text: str) -> tuple[Histogram, bool]:
    """A histogram from its description, and whether it names its reset hint."""
    return notation.parse_histogram(text.strip()), "counter_reset_hint" in text
