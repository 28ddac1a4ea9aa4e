"""The functions that Prometheus adds to templates.

Source: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
"""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_plus

import re2

from lapbell_evaluator.rules.duration import parse_duration
from lapbell_evaluator.rules.template.errors import TemplateError
from lapbell_evaluator.rules.template.values import Arguments, Value, VectorSample, type_name

__all__ = ["FUNCTIONS"]

_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_GROUP: Final = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<plain>\w+))", re.ASCII)
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019.][^\W_]+)*")
_MOST_PATTERN: Final = 1000


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TemplateError(f"wrong type for value; expected string; got {type_name(value)}")
    return value


def _number(value: Value) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TemplateError(f"can't convert {type_name(value)} to float")
    try:
        return float(value)
    except ValueError:
        raise TemplateError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None


def _sample(value: Value) -> VectorSample:
    if not isinstance(value, VectorSample):
        raise TemplateError(f"wrong type for value; expected *template.sample; got {type_name(value)}")
    return value


def _vector(value: Value) -> Sequence[Value]:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise TemplateError(f"wrong type for value; expected template.queryResult; got {type_name(value)}")
    return value


def _first(vector: Value) -> Value:
    samples = _vector(vector)
    if not samples:
        raise TemplateError("first() called on vector with no elements")
    return samples[0]


def _sort_by_label(label: Value, vector: Value) -> Value:
    name = _text(label)
    return sorted(_vector(vector), key=lambda sample: _sample(sample).labels.get(name, ""))


def _pattern(text: Value) -> "re2._Regexp[str]":
    if len(_text(text)) > _MOST_PATTERN:
        raise TemplateError(f"a regular expression of more than {_MOST_PATTERN} characters")
    try:
        return re2.compile(_text(text))
    except re2.error as error:
        raise TemplateError(f"error parsing regexp: {error}") from None


def _replace_all(pattern: Value, replacement: Value, text: Value) -> str:
    layout = _text(replacement)
    return str(_pattern(pattern).sub(lambda found: _GROUP.sub(lambda name: _group(found, name), layout), _text(text)))


def _group(found: "re2._Match[str]", name: re.Match[str]) -> str:
    if name["dollar"]:
        return "$"
    wanted = name["braced"] or name["plain"]
    try:
        return found.group(int(wanted) if wanted.isdigit() else wanted) or ""
    except IndexError:
        return ""


def _scaled(value: float, small: Sequence[str], large: Sequence[str], base: float) -> str:
    prefix = ""
    if abs(value) >= 1:
        for each in large:
            if abs(value) < base:
                break
            prefix, value = each, value / base
    else:
        for each in small:
            if abs(value) >= 1:
                break
            prefix, value = each, value * base
    return f"{value:.4g}{prefix}"


def _special(value: float) -> str | None:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return None


def _humanize(value: Value) -> str:
    number = _number(value)
    return _special(number) or ("0" if number == 0 else _scaled(number, _SMALL, _LARGE, 1000))


def _humanize1024(value: Value) -> str:
    number = _number(value)
    return _special(number) or (f"{number:.4g}" if abs(number) <= 1 else _scaled(number, (), _BINARY, 1024))


def _humanize_duration(value: Value) -> str:
    number = _number(value)
    special = _special(number)
    if special is not None:
        return special
    if abs(number) < 1:
        return "0s" if number == 0 else f"{_scaled(number, _SMALL, (), 1000)}s"
    sign, number = ("-", -number) if number < 0 else ("", number)
    whole = int(number)
    days, hours, minutes, seconds = whole // 86_400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{number:.4g}s"


def _humanize_percentage(value: Value) -> str:
    number = _number(value) * 100
    return f"{_special(number) or f'{number:.4g}'}%"


def _humanize_timestamp(value: Value) -> str:
    number = _number(value)
    special = _special(number)
    if special is not None:
        return special
    try:
        moment = datetime.fromtimestamp(math.floor(number), UTC)
    except (OverflowError, ValueError):
        raise TemplateError(
            f"{number} cannot be represented as a nanoseconds timestamp since it overflows int64"
        ) from None
    milliseconds = math.floor(math.fmod(number, 1) % 1 * 1000)
    fraction = f".{milliseconds:03d}".rstrip("0") if milliseconds else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _title(text: Value) -> str:
    return _WORD.sub(lambda word: word.group()[:1].title() + word.group()[1:], _text(text))


def _host_port(text: str) -> tuple[str, str] | None:
    """Go's net.SplitHostPort."""
    found = re.fullmatch(r"\[([^\[\]]*)\]:([^:\[\]]*)|([^:\[\]]*):([^:\[\]]*)", text)
    return (found[1] or found[3] or "", found[2] or found[4] or "") if found else None


def _strip_port(text: Value) -> str:
    split = _host_port(_text(text))
    return split[0] if split else _text(text)


def _strip_domain(text: Value) -> str:
    host, port = _host_port(_text(text)) or (_text(text), "")
    try:
        ipaddress.ip_address(host)
    except ValueError:
        first = host.split(".")[0]
        return f"{first}:{port}" if port else first
    return _text(text)


def _parse_duration(text: Value) -> float:
    sign, rest = (-1.0, _text(text)[1:]) if _text(text).startswith("-") else (1.0, _text(text))
    try:
        return sign * parse_duration(rest)
    except ValueError as error:
        raise TemplateError(str(error)) from None


FUNCTIONS: Final[Mapping[str, Callable[..., Value]]] = {
    "first": _first,
    "label": lambda name, sample: _sample(sample).labels.get(_text(name), ""),
    "value": lambda sample: _sample(sample).value,
    "strvalue": lambda sample: _sample(sample).labels.get("__value__", ""),
    "args": lambda *values: Arguments(values),
    "reReplaceAll": _replace_all,
    "safeHtml": _text,
    "match": lambda pattern, text: _pattern(pattern).search(_text(text)) is not None,
    "title": _title,
    "toUpper": lambda text: _text(text).upper(),
    "toLower": lambda text: _text(text).lower(),
    "graphLink": lambda expr: f"/graph?g0.expr={quote_plus(_text(expr))}&g0.tab=0",
    "tableLink": lambda expr: f"/graph?g0.expr={quote_plus(_text(expr))}&g0.tab=1",
    "sortByLabel": _sort_by_label,
    "stripPort": _strip_port,
    "stripDomain": _strip_domain,
    "humanize": _humanize,
    "humanize1024": _humanize1024,
    "humanizeDuration": _humanize_duration,
    "humanizePercentage": _humanize_percentage,
    "humanizeTimestamp": _humanize_timestamp,
    "toDuration": _number,
    "parseDuration": _parse_duration,
    "urlQueryEscape": lambda text: quote_plus(_text(text)),
}
