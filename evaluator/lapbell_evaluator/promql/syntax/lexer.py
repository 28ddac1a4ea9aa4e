"""Text to tokens."""

import re
from bisect import bisect_right
from typing import Final, NamedTuple

from lapbell_evaluator.promql.syntax.errors import PromqlError
from lapbell_evaluator.promql.syntax.position import Position

__all__ = ["Token", "tokens"]

_TOKEN: Final = re.compile(
    r"""
    (?:[ \t\r\n]++|\#[^\r\n]*+)*+
    (?:
      (?P<duration>(?:[0-9]++(?:ms|[smhdwy]))++(?![A-Za-z0-9_]))
    | (?P<number>(?:0[xX]_?[0-9a-fA-F]++(?:_[0-9a-fA-F]++)*+
        |(?:[0-9]++(?:_[0-9]++)*+(?:\.(?:[0-9]++(?:_[0-9]++)*+)?)?|\.[0-9]++(?:_[0-9]++)*+)(?:[eE][+-]?[0-9]++(?:_[0-9]++)*+)?)
        (?![A-Za-z0-9_.]))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*+)
    | (?P<string>"(?:[^"\\\n]|\\[^\n])*+"|'(?:[^'\\\n]|\\[^\n])*+'|`[^`]*+`)
    | (?P<symbol>=~|!~|==|!=|<=|>=|</|>/|[-+*/%^<>=(){}\[\],:@])
    | (?P<end>\Z)
    )
    """,
    re.VERBOSE,
)

_SPACE: Final = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+")
_BAD: Final = re.compile(r"[A-Za-z0-9_.]++|[^\s]")


class Token(NamedTuple):
    """A word of the text; a tuple, because ten thousand rules have a million.

    Attributes:
        kind: `duration`, `number`, `name`, `string`, `symbol` or `end`.
        text: as written.
        start: offset of its first character.
        end: offset behind its last one.
        lines: where the text's lines start.
    """

    kind: str
    text: str
    start: int
    end: int
    lines: list[int]

    @property
    def position(self) -> Position:
        """Where it begins, for people."""
        line = bisect_right(self.lines, self.start)
        return Position(line, self.start - self.lines[line - 1] + 1)


def tokens(text: str) -> list[Token]:
    """The words of an expression; the last one is of the kind `end`.

    Raises:
        PromqlError: a character that PromQL does not use, or a string or number that does not end well.
    """
    words: list[Token] = []
    lines = _line_starts(text)
    at = 0
    while True:
        match = _TOKEN.match(text, at)
        if match is None:
            space = _SPACE.match(text, at)
            at = space.end() if space else at
            raise _unreadable(text, at, Token("", "", at, at, lines).position)
        kind = match.lastgroup or ""
        start, at = match.span(kind)
        if kind == "end":
            words.append(Token(kind, "end of input", start, at, lines))
            return words
        words.append(Token(kind, text[start:at], start, at, lines))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    while (at := text.find("\n", starts[-1])) >= 0:
        starts.append(at + 1)
    return starts


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
