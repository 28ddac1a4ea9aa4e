"""Constants of a template, by Go's rules."""

import re
from typing import Final

from lapbell_evaluator.rules.template.errors import TemplateError
from lapbell_evaluator.rules.template.lexer import Token

__all__ = ["number", "unquoted"]

_ESCAPE: Final = re.compile(
    r"\\(?:(?P<octal>[0-7]{3})|x(?P<hex>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8})|(?P<letter>.))"
)
_INTEGER: Final = re.compile(r"[+-]?(?:0|[1-9]\d*+|0[xXoObB]\w++)")
_OCTAL: Final = re.compile(r"[+-]?0[0-7]++")
_ONE: Final = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", "'": "'", '"': '"',
}  # fmt: skip


def unquoted(token: Token) -> str | int:
    """The text of a quoted string; the code point of a character constant."""
    if token.kind == "raw":
        return token.text[1:-1]
    text = _ESCAPE.sub(lambda escape: _escaped(escape, token), token.text[1:-1])
    if token.kind == "string":
        return text
    if len(text) != 1:
        raise TemplateError(f"line {token.line}: malformed character constant: {token.text}")
    return ord(text)


def _escaped(escape: re.Match[str], token: Token) -> str:
    letter = escape["letter"]
    if letter is not None:
        if letter not in _ONE:
            raise TemplateError(f"line {token.line}: \\{letter} is no escape; in a regular expression write it `raw`")
        return _ONE[letter]
    point = int(escape["octal"], 8) if escape["octal"] else int(escape["hex"] or escape["short"] or escape["long"], 16)
    if point > 0x10FFFF:
        raise TemplateError(f"line {token.line}: {escape.group()} is no character")
    return chr(point)


def number(token: Token) -> int | float:
    """The number; an integer where it is written as one."""
    text = token.text.replace("_", "")
    try:
        return int(text, 0) if _INTEGER.fullmatch(text) else _float(text)
    except ValueError:
        raise TemplateError(f"line {token.line}: bad number syntax: {token.text!r}") from None


def _float(text: str) -> int | float:
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    return float(text)
