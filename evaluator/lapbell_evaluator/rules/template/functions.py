"""The functions that Prometheus adds to templates.

Source: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
"""

import ipaddress
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote_plus

import re2

from lapbell_evaluator.rules.duration import parse_duration
from lapbell_evaluator.rules.template.errors import MOST_CHARACTERS, TemplateError
from lapbell_evaluator.rules.template.moments import duration_of, int64, time_of
from lapbell_evaluator.rules.template.values import Arguments, Html, Value, VectorSample, type_name
from lapbell_evaluator.series import RegexError, compiled

__all__ = ["FUNCTIONS"]

_SMALL: Final = ("m", "u", "n", "p", "f", "a", "z", "y")
_LARGE: Final = ("k", "M", "G", "T", "P", "E", "Z", "Y")
_BINARY: Final = ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_GROUP: Final = re2.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<plain>\w+))")
_HOST_PORT: Final = re2.compile(r"(?s)\[([^\[\]]*)\]:([^:\[\]]*)|([^:\[\]]*):([^:\[\]]*)")
_WORD: Final = re.compile(r"\w+(?:['\u2019.:\u00b7]\w+)*")
_CASED: Final = re.compile(r"[^\W\d_]")
_CLOCK: Final = ((86_400, 1 << 63), (3600, 24), (60, 60), (1, 60))
_MOST_PATTERN: Final = 1000


def _text(value: Value) -> str:
    if not isinstance(value, str) or isinstance(value, Html):
        raise TemplateError(f"wrong type for value; expected string; got {type_name(value)}")
    return value


def _number(value: Value) -> float:
    if isinstance(value, bool | Html) or not isinstance(value, int | float | str):
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
        return compiled(_text(text), dot_matches_newline=False)
    except RegexError as error:
        raise TemplateError(error.message) from None


def _replace_all(pattern: Value, replacement: Value, text: Value) -> str:
    layout, plain = _text(replacement), _text(text)
    out: list[str] = []
    size = 0
    at = -1  # the end of the last match; an empty one right behind it is none
    for match in _pattern(pattern).finditer(plain):
        if not match.start() == match.end() == at:
            out += plain[max(at, 0) : match.start()], _GROUP.sub(partial(_group, match), layout)
            at = match.end()
            size += len(out[-1])
            if size > MOST_CHARACTERS:
                raise TemplateError(f"more than {MOST_CHARACTERS} characters of text")
    return "".join((*out, plain[max(at, 0) :]))


def _group(match: "re2._Match[str]", name: "re2._Match[str]") -> str:
    if name["dollar"]:
        return "$"
    group = name["braced"] or name["plain"]
    try:
        return match.group(int(group) if group.isdigit() else group) or ""
    except IndexError:
        return ""


def _scaled(value: float, small: Sequence[str], large: Sequence[str], base: float) -> str:
    prefix = ""
    if abs(value) >= 1:
        for larger in large:
            if abs(value) < base:
                break
            prefix, value = larger, value / base
    else:
        for smaller in small:
            if abs(value) >= 1:
                break
            prefix, value = smaller, value * base
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
    whole = int64(number)
    days, hours, minutes, seconds = (_of(whole, size, turn) for size, turn in _CLOCK)
    if days:
        return f"{sign}{days}d {hours}h {minutes}m {seconds}s"
    if hours:
        return f"{sign}{hours}h {minutes}m {seconds}s"
    return f"{sign}{minutes}m {seconds}s" if minutes else f"{sign}{number:.4g}s"


def _of(whole: int, size: int, turn: int) -> int:
    """How many units of `size` there are beyond whole turns, towards zero."""
    count = abs(whole) // size % turn
    return -count if whole < 0 else count


def _humanize_percentage(value: Value) -> str:
    number = _number(value) * 100
    return f"{_special(number) or f'{number:.4g}'}%"


def _humanize_timestamp(value: Value) -> str:
    number = _number(value)
    special = _special(number)
    if special is not None:
        return special
    return str(time_of(number))


def _title(text: Value) -> str:
    return _WORD.sub(lambda word: _CASED.sub(lambda letter: letter[0].title(), word[0], count=1), _text(text))


def _upper(text: Value) -> str:
    """Letter by letter, as Go does: what has no capital of one letter stays."""
    capitals = ((letter, letter.upper(), letter.title()) for letter in _text(text))
    return "".join(next(of for of in (upper, title, letter) if len(of) == 1) for letter, upper, title in capitals)


def _lower(text: Value) -> str:
    return "".join(letter.lower()[:1] for letter in _text(text))


def _host_port(text: str) -> tuple[str, str] | None:
    """Go's net.SplitHostPort."""
    parts = _HOST_PORT.fullmatch(text)
    return (parts[1] or parts[3] or "", parts[2] or parts[4] or "") if parts else None


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
    "safeHtml": lambda text: Html(_text(text)),
    "match": lambda pattern, text: _pattern(pattern).search(_text(text)) is not None,
    "title": _title,
    "toUpper": _upper,
    "toLower": _lower,
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
    "toDuration": lambda seconds: duration_of(_number(seconds)),
    "toTime": lambda seconds: time_of(_number(seconds)),
    "parseDuration": _parse_duration,
    "urlQueryEscape": lambda text: quote_plus(_text(text)),
}
