"""Values as Go sees and prints them: nil, bool, int, float64, string, map, slice, sample, native histogram.

Source: Go's package fmt.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.rules.template.floats import shown_float
from lapbell_evaluator.rules.template.histogram_text import shown_histogram
from lapbell_evaluator.rules.template.moments import Duration, Named, Time

__all__ = [
    "AlertFields",
    "Arguments",
    "Html",
    "Value",
    "VectorSample",
    "is_true",
    "quoted",
    "shown",
    "type_name",
]


_NAMED: Final = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


@dataclass(frozen=True, slots=True)
class VectorSample:
    """One sample of a query's result."""

    labels: Mapping[str, str]
    value: "float | Histogram"


@dataclass(frozen=True, slots=True)
class AlertFields:
    """What the dot of an alert's template has: a struct, whose fields all exist or are errors."""

    fields: Mapping[str, "Value"]


class Html(str):
    """What `safeHtml` makes: text that functions of text do not take."""

    __slots__ = ()


class Arguments(Mapping[str, "Value"]):
    """What `args` makes: a map[string]any, in which a missing key is nil; in a map[string]string it is empty.

    Attributes:
        size: about how many characters it is shown with, what it holds included.
    """

    def __init__(self, values: Sequence["Value"]) -> None:
        self._values = {f"arg{position}": value for position, value in enumerate(values)}
        self.size = sum(_size(value) for value in values) + len(values)

    def __getitem__(self, key: str) -> "Value":
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


Value: TypeAlias = (
    bool
    | int
    | float
    | str
    | Time
    | Duration
    | Histogram
    | VectorSample
    | AlertFields
    | Mapping[str, "Value"]
    | Sequence["Value"]
    | None
)


def _size(value: "Value") -> int:
    if isinstance(value, Arguments):
        return value.size
    return len(value) if isinstance(value, str | Mapping | Sequence) else 1


def is_true(value: Value) -> bool:
    """Whether `if` takes the branch: what is not false, zero, nil or empty."""
    if isinstance(value, Time | Duration | Histogram | VectorSample | AlertFields):
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
        return value.kind if isinstance(value, Named) else "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "template.HTML" if isinstance(value, Html) else "string"
    if isinstance(value, Time | Duration):
        return "*time.Time" if isinstance(value, Time) else "*time.Duration"
    if isinstance(value, Histogram):
        return "*histogram.FloatHistogram"
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
    if isinstance(value, Named):
        return value.name
    if isinstance(value, int | str | Time | Duration):
        return str(value)
    if isinstance(value, Histogram):
        return shown_histogram(value)
    if isinstance(value, VectorSample):
        return f"&{{{shown(value.labels)} {shown(value.value)}}}"
    if isinstance(value, AlertFields):
        return "{" + " ".join(map(shown, value.fields.values())) + "}"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
    return "[" + " ".join(map(shown, value)) + "]"


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
