"""Text to tokens."""

import re
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.position import Position

__all__ = ["Token", "tokens"]

_TOKEN: Final = re.compile(
    r"""
      (?P<space>[ \t\r\n]++|\#[^\r\n]*+)
    | (?P<duration>(?:[0-9]++(?:ms|[smhdwy]))++(?![A-Za-z0-9_]))
    | (?P<number>(?:0[xX]_?[0-9a-fA-F]++(?:_[0-9a-fA-F]++)*+
        |(?:[0-9]++(?:_[0-9]++)*+(?:\.(?:[0-9]++(?:_[0-9]++)*+)?)?|\.[0-9]++(?:_[0-9]++)*+)(?:[eE][+-]?[0-9]++(?:_[0-9]++)*+)?)
        (?![A-Za-z0-9_.]))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*+)
    | (?P<string>"(?:[^"\\\n]|\\[^\n])*+"|'(?:[^'\\\n]|\\[^\n])*+'|`[^`]*+`)
    | (?P<symbol>=~|!~|==|!=|<=|>=|</|>/|[-+*/%^<>=(){}\[\],:@])
    """,
    re.VERBOSE,
)

_BAD: Final = re.compile(r"[A-Za-z0-9_.]++|[^\s]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the text.

    Attributes:
        kind: `duration`, `number`, `name`, `string`, `symbol` or `end`.
        text: as written.
        start: offset of its first character.
        end: offset behind its last one.
        position: the same for people.
    """

    kind: str
    text: str
    start: int
    end: int
    position: Position


def tokens(text: str) -> list[Token]:
    """The words of an expression; the last one is of the kind `end`.

    Raises:
        PromqlError: a character that PromQL does not use, or a string or number that does not end well.
    """
    words: list[Token] = []
    at, line, line_start = 0, 1, 0
    while at < len(text):
        position = Position(line, at - line_start + 1)
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(text, at, position)
        if match.lastgroup != "space":
            words.append(Token(str(match.lastgroup), match[0], at, match.end(), position))
        at = match.end()
        breaks = match[0].count("\n")
        if breaks:
            line += breaks
            line_start = text.rindex("\n", 0, at) + 1
    words.append(Token("end", "end of input", at, at, Position(line, at - line_start + 1)))
    return words


def _unreadable(text: str, at: int, position: Position) -> PromqlError:
    character = text[at]
    if character in "\"'`":
        return PromqlError("unterminated quoted string", position.line, position.column, f"Close it with {character}.")
    bad = _BAD.match(text, at)
    word = bad[0] if bad else character
    if character.isascii() and (character.isdigit() or (character == "." and len(word) > 1)):
        remedy = "Numbers look like 1.5 or 0x1f, durations like 1h30m."
        return PromqlError(f"bad number or duration syntax: {word!r}", position.line, position.column, remedy)
    return PromqlError(f"unexpected character: {character!r}", position.line, position.column)
