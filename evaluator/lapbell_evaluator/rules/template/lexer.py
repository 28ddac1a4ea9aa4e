"""Template text to tokens."""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.rules.template.errors import TemplateError

__all__ = ["Token", "tokens"]

_OPEN: Final = re.compile(r"\{\{(?:-(?=[ \t\r\n]))?")
_COMMENT_END: Final = re.compile(r"(?P<trim>[ \t\r\n]-)?\}\}")
_CLOSE: Final = re.compile(r"(?P<trim>(?<=[ \t\r\n])-)?\}\}")
_SPACE: Final = " \t\r\n"
_INSIDE: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]++)
  | (?P<string>"(?:[^"\\\n]|\\.)*+")
  | (?P<raw>`[^`]*+`)
  | (?P<char>'(?:[^'\\\n]|\\.)++')
  | (?P<number>[+-]?
        (?:0[xX][0-9a-fA-F_]++|0[oO][0-7_]++|0[bB][01_]++
          |(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?|\.[0-9][0-9_]*+)(?:[eE][+-]?[0-9]++)?)
        (?![\w.]))
  | (?P<variable>\$\w*+)
  | (?P<field>\.[^\W\d]\w*+)
  | (?P<word>[^\W\d]\w*+)
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


class _Lines:
    """The lines of positions that never go back, so that each character is counted once."""

    def __init__(self, template: str) -> None:
        self._template = template
        self._position, self._line = 0, 1

    def at(self, position: int) -> int:
        """The line of a position, from 1."""
        self._line += self._template.count("\n", self._position, position)
        self._position = position
        return self._line


def tokens(template: str) -> Iterator[Token]:
    """The tokens of a template, the last one of kind `end`.

    Raises:
        TemplateError: something that is no token, or an action or a comment that is not closed.
    """
    lines = _Lines(template)
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
            yield Token("text", text, lines.at(position))
        if not opened:
            yield Token("end", "", lines.at(end))
            return
        inside = opened.end() + opened.group().endswith("-")
        if template.startswith("/*", inside):
            closed = _end_of_comment(template, inside + 2, lines)
        else:
            yield Token("open", opened.group(), lines.at(end))
            closed = yield from _action(template, opened.end(), lines)
        position, trims = closed.end(), closed["trim"] is not None


def _end_of_comment(template: str, position: int, lines: _Lines) -> re.Match[str]:
    """The delimiter right behind the first `*/`, as Go wants it."""
    end = template.find("*/", position)
    if end < 0:
        raise TemplateError(f"line {lines.at(position)}: unclosed comment")
    closed = _COMMENT_END.match(template, end + 2)
    if closed is None:
        raise TemplateError(f"line {lines.at(end)}: comment ends before closing delimiter")
    return closed


def _action(template: str, position: int, lines: _Lines) -> Generator[Token, None, re.Match[str]]:
    while True:
        closed = _CLOSE.match(template, position)
        if closed:
            yield Token("close", closed.group(), lines.at(position))
            return closed
        match = _INSIDE.match(template, position)
        if match is None:
            raise _unexpected(template, position, lines.at(position))
        yield Token(match.lastgroup or "", match.group(), lines.at(position))
        position = match.end()


def _unexpected(template: str, position: int, line: int) -> TemplateError:
    if position >= len(template):
        return TemplateError(f"line {line}: unclosed action")
    if template[position] in "\"`'":
        return TemplateError(f"line {line}: unterminated quoted string")
    return TemplateError(f"line {line}: unexpected {template[position]!r} in an action")
