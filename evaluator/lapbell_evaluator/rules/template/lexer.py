"""Template text to tokens."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.rules.template.errors import TemplateError

__all__ = ["Token", "tokens"]

_OPEN: Final = re.compile(r"\{\{(?:-(?=[ \t\r\n]))?")
_COMMENT: Final = re.compile(r"[ \t\r\n]*/\*.*?\*/(?P<trim>[ \t\r\n]+-)?\}\}", re.DOTALL)
_CLOSE: Final = re.compile(r"(?P<trim>(?<=[ \t\r\n])-)?\}\}")
_SPACE: Final = " \t\r\n"
_INSIDE: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]+)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<raw>`[^`]*`)
  | (?P<char>'(?:[^'\\\n]|\\.)+')
  | (?P<number>[+-]?
        (?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+
          |(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9]+)?)
        (?![\w.]))
  | (?P<variable>\$\w*)
  | (?P<field>\.[^\W\d]\w*)
  | (?P<word>[^\W\d]\w*)
  | (?P<declare>:=)
  | (?P<mark>[.|(),=])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        kind: text, open, close, space, string, raw, char, number, variable, field, word, declare, mark, end.
        text: as written.
        line: from 1.
    """

    kind: str
    text: str
    line: int


def tokens(template: str) -> Iterator[Token]:
    """The tokens of a template, the last one of kind `end`.

    Raises:
        TemplateError: something that is no token, or an action that is not closed.
    """
    position, trims = 0, False
    while True:
        opened = _OPEN.search(template, position)
        end = opened.start() if opened else len(template)
        text = template[position:end]
        if trims:
            text = text.lstrip(_SPACE)
        if opened and opened.group().endswith("-"):
            text = text.rstrip(_SPACE)
        if text:
            yield Token("text", text, _line(template, position))
        if not opened:
            yield Token("end", "", _line(template, end))
            return
        comment = _COMMENT.match(template, opened.end())
        if comment:
            position, trims = comment.end(), comment["trim"] is not None
            continue
        yield Token("open", opened.group(), _line(template, end))
        closed = yield from _action(template, opened.end())
        position, trims = closed.end(), closed["trim"] is not None


def _action(template: str, position: int) -> Generator[Token, None, re.Match[str]]:
    while True:
        closed = _CLOSE.match(template, position)
        if closed:
            yield Token("close", closed.group(), _line(template, position))
            return closed
        match = _INSIDE.match(template, position)
        if match is None:
            raise _unexpected(template, position)
        yield Token(match.lastgroup or "", match.group(), _line(template, position))
        position = match.end()


def _unexpected(template: str, position: int) -> TemplateError:
    line = _line(template, position)
    if position >= len(template):
        return TemplateError(f"line {line}: unclosed action")
    if template[position] in "\"`'":
        return TemplateError(f"line {line}: unterminated quoted string")
    return TemplateError(f"line {line}: unexpected {template[position]!r} in an action")


def _line(template: str, position: int) -> int:
    return template.count("\n", 0, position) + 1
