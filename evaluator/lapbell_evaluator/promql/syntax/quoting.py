"""Quoted strings as PromQL writes them (Go's escapes), and back."""

import re
from typing import Final

__all__ = ["is_label_name", "quoted", "unquoted"]

_SIMPLE: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_ESCAPE: Final = re.compile(r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))")
_SURROGATES: Final = range(0xD800, 0xE000)


def unquoted(text: str) -> str:
    """The value of a quoted string; bytes that are no UTF-8 become surrogates.

    Raises:
        ValueError: an escape that Go does not know.
    """
    quote, body = text[0], text[1:-1]
    if quote == "`":
        return body
    if "\\" not in body:
        return body
    pieces: list[bytes] = []
    at = 0
    while (next_at := body.find("\\", at)) >= 0:
        pieces.append(body[at:next_at].encode("utf-8", "surrogateescape"))
        escape = _ESCAPE.match(body, next_at)
        if escape is None:
            raise ValueError(f"unknown escape sequence {body[next_at : next_at + 2]!r}")
        pieces.append(_value(escape, quote))
        at = escape.end()
    pieces.append(body[at:].encode("utf-8", "surrogateescape"))
    return b"".join(pieces).decode("utf-8", "surrogateescape")


def _value(escape: re.Match[str], quote: str) -> bytes:
    simple, hexadecimal, octal, short, long = escape.groups()
    if simple:
        if simple in "'\"" and simple != quote:
            raise ValueError(f"unknown escape sequence {escape[0]!r}")
        return bytes([_SIMPLE.get(simple, ord(simple))])
    if hexadecimal:
        return bytes([int(hexadecimal, 16)])
    if octal:
        if int(octal, 8) > 0xFF:
            raise ValueError(f"escape sequence {escape[0]!r} is more than a byte")
        return bytes([int(octal, 8)])
    code = int(short or long, 16)
    if code in _SURROGATES or code > 0x10FFFF:
        raise ValueError(f"escape sequence {escape[0]!r} is an invalid Unicode code point")
    return chr(code).encode()


_PLAIN: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\v": "\\v",
}


def quoted(text: str) -> str:
    """`text` in double quotes, so that `unquoted` gives it back."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    plain = _PLAIN.get(character)
    if plain is not None:
        return plain
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if character.isprintable():
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def is_label_name(text: str) -> bool:
    """Whether Prometheus 3 takes it for the name of a label: any UTF-8 that is not empty."""
    return bool(text) and not any(ord(character) in _SURROGATES for character in text)
