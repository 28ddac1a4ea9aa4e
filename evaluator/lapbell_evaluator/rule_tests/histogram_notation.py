"""The notation of native histograms: `{{schema:1 count:3 sum:5 buckets:[1 2]}}`, and steps as `{{…}}+{{…}}x3`.

Source: Prometheus' documentation, "Unit testing for rules", "series", and what promtool 3 accepts and prints.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np

from lapbell_evaluator.model import CUSTOM_SCHEMA, CounterHint, Histogram
from lapbell_evaluator.rule_tests.errors import NotationError
from lapbell_evaluator.rules.template.floats import shown_float
from lapbell_evaluator.series.native import IncompatibleSchemasError, added, compacted, subtracted

__all__ = ["HISTOGRAM", "check_storable", "described", "parse_histogram", "parse_run"]

HISTOGRAM: Final = r"\{\{[^{}]*+\}\}(?:[+-]\{\{[^{}]*+\}\}x\d{1,18}|x\d{1,18})?"
_DIGITS: Final = r"\d++(?:\.\d*+)?+(?:e[+-]?\d++)?+"
_WIDTH: Final = rf"(?:{_DIGITS}|inf|nan)"
_NUMBER: Final = rf"-?{_WIDTH}"
_SCHEMA: Final = r"-?\d{1,3}"
_OFFSET: Final = r"-?\d{1,6}"  # no number is farther from 1 at any resolution
_ITEM: Final = rf"(?:-?{_DIGITS}|inf|nan)"
_LIST: Final = rf"\[{_ITEM}(?:\s++{_ITEM})*+\s*+\]"
_HINTS: Final[Mapping[str, CounterHint]] = {hint.name.lower(): hint for hint in CounterHint}
_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "schema": re.compile(_SCHEMA),
    **dict.fromkeys(("offset", "n_offset"), re.compile(_OFFSET)),
    **dict.fromkeys(("count", "sum", "z_bucket"), re.compile(_NUMBER)),
    "z_bucket_w": re.compile(_WIDTH),
    **dict.fromkeys(("buckets", "n_buckets", "custom_values"), re.compile(_LIST)),
    "counter_reset_hint": re.compile("|".join(_HINTS)),
}
_FIELD: Final = re.compile(r"(?P<name>\w++):(?P<value>\[[^\]]*+\]|\S++)(?:\s++|$)")
_RUN: Final = re.compile(
    r"\{\{(?P<first>[^{}]*+)\}\}(?:(?:(?P<sign>[+-])\{\{(?P<step>[^{}]*+)\}\})?x(?P<times>\d{1,18}))?"
)
_SCHEMAS: Final = (*range(-4, 9), CUSTOM_SCHEMA)


def parse_run(text: str, most: int) -> list[Histogram]:
    """The histograms of one item, repetitions and steps written out.

    Raises:
        NotationError: it is none, or of more than `most`.
    """
    match = _RUN.fullmatch(text)
    if match is None:
        raise NotationError(f"{text!r} is no native histogram.", "Write {{schema:1 count:3 sum:5 buckets:[1 2]}}.")
    times = int(match["times"] or 0)
    if times >= most:
        raise NotationError(f"{text!r}: more than {most} values.")
    first = parse_histogram(match["first"])
    if match["step"] is None:
        return [first] * (times + 1)
    step, combined = parse_histogram(match["step"]), added if match["sign"] == "+" else subtracted
    if times and first.schema > step.schema:
        raise NotationError(f"{text!r}: a step of schema {step.schema} cannot be added to schema {first.schema}.")
    run = [first]
    try:
        for _ in range(times):
            run.append(combined(run[-1], step).histogram)
    except IncompatibleSchemasError:
        raise NotationError(f"{text!r}: exponential and custom buckets do not mix.") from None
    return run


def parse_histogram(text: str) -> Histogram:
    """One histogram from what stands between the braces.

    Raises:
        NotationError: a field that there is not, or a value that it cannot have.
    """
    fields = _fields(text)
    return Histogram(
        schema=int(fields.get("schema", "0")),
        count=float(fields.get("count", "0")),
        sum=float(fields.get("sum", "0")),
        zero_threshold=float(fields.get("z_bucket_w", "0")),
        zero_count=float(fields.get("z_bucket", "0")),
        positive=_numbers(fields.get("buckets", "")),
        positive_offset=int(fields.get("offset", "0")),
        negative=_numbers(fields.get("n_buckets", "")),
        negative_offset=int(fields.get("n_offset", "0")),
        bounds=tuple(_numbers(fields.get("custom_values", "")).tolist()),
        hint=_HINTS[fields.get("counter_reset_hint", "unknown")],
    )


def check_storable(histogram: Histogram) -> None:
    """Whether a series can hold it.

    Raises:
        NotationError: it cannot; Prometheus refuses to store it, too.
    """
    wrong = ""
    if histogram.schema not in _SCHEMAS:
        wrong = f"there is no schema {histogram.schema}"
    elif min(histogram.count, histogram.zero_count, *histogram.positive, *histogram.negative) < 0:
        wrong = "a count is negative"
    elif histogram.is_custom and (histogram.zero_count or histogram.zero_threshold or len(histogram.negative)):
        wrong = "custom buckets have neither a zero bucket nor negative ones"
    elif histogram.bounds and not histogram.is_custom:
        wrong = "exponential buckets have no custom bounds"
    elif histogram.is_custom and any(low >= high for low, high in pairwise(histogram.bounds)):
        wrong = "custom bounds do not ascend"
    elif histogram.is_custom and len(histogram.positive) + histogram.positive_offset > len(histogram.bounds) + 1:
        wrong = "there are more buckets than custom bounds"
    if wrong:
        raise NotationError(f"No series can hold {{{{{described(histogram)}}}}}: {wrong}.")


def described(histogram: Histogram) -> str:
    """The notation of a histogram, without braces; what is left out is zero, and buckets begin and end with a count."""
    plain = compacted(histogram)
    fields: list[tuple[str, str]] = []

    def say(name: str, value: float, text: Callable[[float], str] = shown_float) -> None:
        if value != 0:
            fields.append((name, text(value)))

    say("schema", plain.schema, str)
    say("count", plain.count)
    say("sum", plain.sum)
    say("z_bucket", plain.zero_count)
    say("z_bucket_w", plain.zero_threshold)
    if plain.is_custom:
        fields.append(("custom_values", _list(plain.bounds)))
    if plain.hint is not CounterHint.UNKNOWN:
        fields.append(("counter_reset_hint", plain.hint.name.lower()))
    for prefix, offset, buckets in (
        ("", plain.positive_offset, plain.positive),
        ("n_", plain.negative_offset, plain.negative),
    ):
        say(f"{prefix}offset", offset, str)
        if len(buckets):
            fields.append((f"{prefix}buckets", _list(buckets.tolist())))
    return " ".join(f"{name}:{value}" for name, value in fields)


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _FIELD.match(text, at)
        if match is None:
            raise NotationError(f"{text!r}: not a field at {text[at:]!r}.", "Write name:value, spaces between them.")
        name, value = match["name"].lower(), match["value"].lower()
        if name not in _FORMS:
            raise NotationError(f"{text!r}: a histogram has no {name!r}.", f"It has {', '.join(_FORMS)}.")
        if name in fields:
            raise NotationError(f"{text!r}: {name!r} stands there twice.")
        if _FORMS[name].fullmatch(value) is None:
            raise NotationError(f"{text!r}: {value!r} cannot be {name}.")
        fields[name] = value
        at = match.end()
    return fields


def _numbers(text: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([float(number) for number in text.strip("[]").split()], np.float64)


def _list(values: Iterable[float]) -> str:
    return "[" + " ".join(map(shown_float, values)) + "]"
