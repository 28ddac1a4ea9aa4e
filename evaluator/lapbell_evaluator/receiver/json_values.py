"""Values as OTLP's JSON writes them become Python's."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from lapbell_evaluator.receiver.attributes import plain_text
from lapbell_evaluator.receiver.json_messages import AnyValue, EnumValue, Integer, KeyValue, Real

__all__ = [
    "SPAN_KINDS",
    "STATUS_CODES",
    "TEMPORALITIES",
    "enum_number",
    "integer",
    "json_pairs",
    "plain_base64",
    "real",
    "unsigned",
]

TEMPORALITIES: Final = {
    f"AGGREGATION_TEMPORALITY_{name}": number for number, name in enumerate(("UNSPECIFIED", "DELTA", "CUMULATIVE"))
}
SPAN_KINDS: Final = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}
STATUS_CODES: Final = {f"STATUS_CODE_{name}": number for number, name in enumerate(("UNSET", "OK", "ERROR"))}

_SIGNED_END: Final = 1 << 63
_UNSIGNED_END: Final = 1 << 64
_MOST_DIGITS: Final = 100  # more than 64 bits have, with zeros in front
_NOT_FINITE: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE_TO_PLAIN: Final = str.maketrans("-_", "+/")


def integer(value: Integer) -> int:
    """A signed 64-bit integer, 0 if absent.

    Source: ProtoJSON: a number or a string of its digits; as the Collector, no fraction and no exponent.
    """
    if value is None:
        return 0
    if isinstance(value, str) and not _are_digits(value.removeprefix("-")):
        raise ValueError(f"{value!r} is no integer")
    number = int(value)
    if not -_SIGNED_END <= number < _SIGNED_END:
        raise ValueError(f"{value} does not fit 64 bits")
    return number


def unsigned(value: Integer) -> int:
    """An unsigned 64-bit integer, 0 if absent."""
    if value is None:
        return 0
    if isinstance(value, str) and not _are_digits(value):
        raise ValueError(f"{value!r} is no integer without a sign")
    number = int(value)
    if not 0 <= number < _UNSIGNED_END:
        raise ValueError(f"{value} does not fit 64 bits without a sign")
    return number


def _are_digits(text: str) -> bool:
    """Whether a text is ASCII digits, so few that Python reads them."""
    return text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS


def real(value: Real) -> float:
    """A double, 0 if absent; a text is a number as JSON has them, or NaN, Infinity or -Infinity.

    Source: ProtoJSON, "double".
    """
    if value is None:
        return 0.0
    if isinstance(value, str):
        return _NOT_FINITE[value] if value in _NOT_FINITE else _finite(value)
    return value


def _finite(text: str) -> float:
    try:
        if text == text.strip():
            return msgspec.json.decode(text, type=float)
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass  # told below
    raise ValueError(f"{text!r} is no number, and not NaN, Infinity or -Infinity")


def enum_number(value: EnumValue, names: Mapping[str, int]) -> int:
    """The number of an enum's value, 0 if absent; numbers that OTLP does not know yet are taken."""
    if not isinstance(value, str):
        return value or 0
    if value not in names:
        raise ValueError(f"{value!r} is none of {', '.join(names)}")
    return names[value]


def json_pairs(attributes: Sequence[KeyValue] | None) -> tuple[tuple[str, str], ...]:
    """Names and values as text, in the order sent."""
    return tuple((pair.key, "" if pair.value is None else _text(pair.value)) for pair in attributes or ())


def _text(value: AnyValue) -> str:
    return plain_text(_plain(value)) if value.string_value is None else value.string_value


def _plain(value: AnyValue | None) -> object:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return integer(value.int_value)
    if value.double_value is not None:
        return real(value.double_value)
    if value.array_value is not None:
        return [_plain(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values or ()}
    if value.bytes_value is not None:
        return plain_base64(value.bytes_value)
    return None


def plain_base64(text: str) -> str:
    """Base64 as protobuf prints it; senders may use the URL's alphabet and leave the padding out."""
    standard = text.translate(_URL_SAFE_TO_PLAIN)
    return base64.b64encode(base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)).decode()
