"""Go's fmt.Sprintf for the values that templates have.

Source: https://pkg.go.dev/fmt; what is wrong with a format shows in the text (`%!d(string=x)`), as there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import re2

from lapbell_evaluator.model import Histogram
from lapbell_evaluator.rules.template.errors import MOST_CHARACTERS, TemplateError
from lapbell_evaluator.rules.template.floats import shown_float
from lapbell_evaluator.rules.template.moments import Duration, Named, Time
from lapbell_evaluator.rules.template.values import (
    AlertFields,
    Value,
    VectorSample,
    quoted,
    shown,
    type_name,
)

__all__ = ["sprint", "sprintf"]

_VERB: Final = re2.compile(
    r"(?s)%(?P<flags>[+\-# 0]*)(?:\[(?P<windex>\d+)\])?(?P<width>\*|\d+)?"
    r"(?:\.(?:\[(?P<pindex>\d+)\])?(?P<precision>\*|\d*))?"
    r"(?:\[(?P<index>\d+)\])?(?P<verb>[^\d.]|$)"
)
_MOST_WIDE: Final = 1_000_000
_LAST_CHARACTER: Final = 0x10FFFF


@dataclass(slots=True)
class _Arguments:
    """The arguments, with the one that is next."""

    values: Sequence[Value]
    at: int = 0
    is_reordered: bool = False

    def jump(self, index: str | None) -> None:
        if index is not None:
            self.at, self.is_reordered = int(index) - 1, True

    def take(self) -> tuple[bool, Value]:
        if not 0 <= self.at < len(self.values):
            return False, None
        self.at += 1
        return True, self.values[self.at - 1]


@dataclass(frozen=True, slots=True)
class _Spec:
    flags: str
    width: int
    precision: int | None

    def padded(self, text: str, *, zeros: bool = False) -> str:
        if "-" in self.flags:
            return text.ljust(self.width)
        if zeros and "0" in self.flags:
            sign = text[:1] if text[:1] in "+- " and text else ""
            return sign + text[len(sign) :].rjust(self.width - len(sign), "0")
        return text.rjust(self.width)

    def signed(self, text: str) -> str:
        if text.startswith(("-", "+")):
            return text if text[0] == "-" or "+" in self.flags or text == "+Inf" else text[1:]
        if "+" in self.flags:
            return f"+{text}"
        return f" {text}" if " " in self.flags else text


def sprint(values: Sequence[Value]) -> str:
    """fmt.Sprint: spaces between neighbours that are both no strings."""
    out: list[str] = []
    for position, value in enumerate(values):
        if position and not isinstance(value, str) and not isinstance(values[position - 1], str):
            out.append(" ")
        out.append(shown(value))
    return "".join(out)


def sprintf(layout: str, values: Sequence[Value]) -> str:
    """fmt.Sprintf.

    Raises:
        TemplateError: the text grows beyond what one may have.
    """
    arguments = _Arguments(values)
    size = 0

    def one(match: "re2._Match[str]") -> str:
        nonlocal size
        text = _one(match, arguments)
        size += len(text)
        if size > MOST_CHARACTERS:
            raise TemplateError(f"more than {MOST_CHARACTERS} characters of text")
        return text

    text = _VERB.sub(one, layout)
    if not arguments.is_reordered and arguments.at < len(values):
        extra = ", ".join(
            f"{type_name(value)}={shown(value)}" if value is not None else "<nil>" for value in values[arguments.at :]
        )
        text += f"%!(EXTRA {extra})"
    return str(text)


def _one(match: "re2._Match[str]", arguments: _Arguments) -> str:
    verb = match["verb"]
    if verb == "%":
        return "%"
    arguments.jump(match["windex"])
    width, wrong_width = _size(match["width"], arguments)
    arguments.jump(match["pindex"])
    precision, wrong_precision = _size(match["precision"], arguments)
    arguments.jump(match["index"])
    wrong = ("%!(BADWIDTH)" if wrong_width else "") + ("%!(BADPREC)" if wrong_precision else "")
    if not verb:
        return f"{wrong}%!(NOVERB)"
    has_value, value = arguments.take()
    if not has_value:
        return f"{wrong}%!{verb}({'BADINDEX' if arguments.is_reordered else 'MISSING'})"
    flags = match["flags"]
    if width is not None and width < 0:
        flags, width = f"{flags}-", -width
    return wrong + _formatted(verb, value, _Spec(flags, width or 0, precision))


def _size(text: str | None, arguments: _Arguments) -> tuple[int | None, bool]:
    """A width or a precision, and whether it is wrong."""
    if text is None:
        return None, False
    if text != "*":
        size = int(text or 0)
        return (size, False) if size <= _MOST_WIDE else (None, True)
    _, value = arguments.take()
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > _MOST_WIDE:
        return None, True
    return value, False


def _formatted(verb: str, value: Value, spec: _Spec) -> str:
    if verb == "T":
        return spec.padded(type_name(value))
    if value is None:
        return spec.padded("<nil>") if verb == "v" else f"%!{verb}(<nil>)"
    text: str | None
    if isinstance(value, bool):
        text = spec.padded(shown(value)) if verb in "tv" else None
    elif isinstance(value, Named) and verb in "vs":
        text = spec.padded(value.name)
    elif isinstance(value, int):
        text = _integer(verb, value, spec)
    elif isinstance(value, float):
        text = _float(verb, value, spec)
    elif isinstance(value, str):
        text = _string(verb, value, spec)
    elif isinstance(value, Time | Duration | Histogram):
        text = spec.padded(shown(value)) if verb in "vs" else None
    elif isinstance(value, VectorSample | AlertFields):
        text = spec.padded(shown(value)) if verb == "v" else None
    else:
        text = spec.padded(shown(value)) if verb in "vs" else None
    return f"%!{verb}({type_name(value)}={shown(value)})" if text is None else text


def _integer(verb: str, value: int, spec: _Spec) -> str | None:
    digits = {"d": "d", "v": "d", "b": "b", "o": "o", "x": "x", "X": "X"}.get(verb)
    if digits is not None:
        number = f"{abs(value):{digits}}".rjust(spec.precision or 0, "0")
        if "#" in spec.flags and verb in "xX":
            number = f"0{verb}{number}"
        return spec.padded(spec.signed(f"-{number}" if value < 0 else number), zeros=spec.precision is None)
    if verb == "c":
        return spec.padded(_character(value))
    if verb == "q":
        return spec.padded(f"'{_character(value)}'")
    if verb == "U":
        return spec.padded(f"U+{value:04X}")
    return None


def _character(value: int) -> str:
    """The character of a code point; of what is none, halves of pairs too, Go's replacement."""
    return chr(value) if 0 <= value <= _LAST_CHARACTER and not 0xD800 <= value <= 0xDFFF else "\ufffd"


def _float(verb: str, value: float, spec: _Spec) -> str | None:
    if verb not in "vgGfFeE":
        return None
    if math.isnan(value) or math.isinf(value):
        return spec.padded(spec.signed(shown_float(value)))
    kind = {"v": "g", "F": "f"}.get(verb, verb)
    precision = spec.precision if spec.precision is not None else (None if kind in "gG" else 6)
    if precision is None:
        text = shown_float(value)
        text = text.upper() if kind == "G" else text
    else:
        text = f"{value:.{precision}{kind}}"
    return spec.padded(spec.signed(text), zeros=True)


def _string(verb: str, value: str, spec: _Spec) -> str | None:
    cut = value if spec.precision is None else value[: spec.precision]
    if verb in "vs":
        return spec.padded(quoted(cut) if verb == "v" and "#" in spec.flags else cut)
    if verb == "q":
        return spec.padded(f"`{cut}`" if "#" in spec.flags and "`" not in cut else quoted(cut))
    if verb in "xX":
        text = cut.encode().hex()
        return spec.padded(text.upper() if verb == "X" else text)
    return None
