"""Values as Go sees and prints them: nil, bool, int, float64, string, map, slice, sample.

Source: Go's packages fmt and strconv.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = [
    "AlertFields",
    "Arguments",
    "Value",
    "VectorSample",
    "is_true",
    "quoted",
    "shown",
    "shown_float",
    "type_name",
]


_NAMED: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_FIRST_EXPONENT: Final = -4
_LAST_EXPONENT: Final = 5


@dataclass(frozen=True, slots=True)
class VectorSample:
    """One sample of a query's result."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class AlertFields:
    """What the dot of an alert's template has: a struct, whose fields all exist or are errors."""

    fields: Mapping[str, "Value"]


class Arguments(Mapping[str, "Value"]):
    """What `args` makes: a map[string]any, in which a missing key is nil; in a map[string]string it is empty."""

    def __init__(self, values: Sequence["Value"]) -> None:
        self._values = {f"arg{position}": value for position, value in enumerate(values)}

    def __getitem__(self, key: str) -> "Value":
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


Value: TypeAlias = (
    bool | int | float | str | VectorSample | AlertFields | Mapping[str, "Value"] | Sequence["Value"] | None
)


def is_true(value: Value) -> bool:
    """Whether `if` takes the branch: what is not false, zero, nil or empty."""
    if isinstance(value, VectorSample | AlertFields):
        return True
    if isinstance(value, float):
        return value != 0
    return bool(value)


def type_name(value: Value) -> str:
    """The name of the value's type in Go."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    if isinstance(value, VectorSample):
        return "*template.sample"
    if isinstance(value, AlertFields):
        return "struct"
    return "map[string]string" if isinstance(value, Mapping) else "template.queryResult"


def shown(value: Value) -> str:
    """The value as `%v`."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return shown_float(value)
    if isinstance(value, int | str):
        return str(value)
    if isinstance(value, VectorSample):
        return f"&{{{shown(value.labels)} {shown_float(value.value)}}}"
    if isinstance(value, AlertFields):
        return "{" + " ".join(map(shown, value.fields.values())) + "}"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
    return "[" + " ".join(map(shown, value)) + "]"


def shown_float(value: float) -> str:
    """The shortest digits that read back the same, with an exponent below 1e-4 and from 1e6 on, as `%v` prints them."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        return f"{sign}0"
    digits, exponent = _digits(abs(value))
    if exponent < _FIRST_EXPONENT or exponent > _LAST_EXPONENT:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    rest = digits[exponent + 1 :]
    return f"{sign}{whole}{f'.{rest}' if rest else ''}"


def _digits(value: float) -> tuple[str, int]:
    """The shortest significant digits, and the exponent of the first."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    shift = int(exponent or 0)
    if whole.strip("0"):
        return (whole + fraction).rstrip("0") or "0", shift + len(whole) - 1
    stripped = fraction.lstrip("0")
    return stripped.rstrip("0"), shift - (len(fraction) - len(stripped)) - 1


def quoted(text: str) -> str:
    """The text as `%q`."""
    out = []
    for character in text:
        if character in '"\\':
            out.append(f"\\{character}")
        elif character in _NAMED:
            out.append(_NAMED[character])
        elif character.isprintable():
            out.append(character)
        elif ord(character) < 0x80:
            out.append(f"\\x{ord(character):02x}")
        elif ord(character) < 0x10000:
            out.append(f"\\u{ord(character):04x}")
        else:
            out.append(f"\\U{ord(character):08x}")
    return '"' + "".join(out) + '"'
