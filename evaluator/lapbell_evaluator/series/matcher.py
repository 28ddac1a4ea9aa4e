"""Matchers: one condition on one label, as selectors, silences and inhibitions have them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from lapbell_evaluator.series.regex import compiled

__all__ = ["MatchOp", "Matcher"]

_CACHED_PATTERNS: Final = 256
_SPECIAL: Final = frozenset("\\.+*?()|[]{}^$")


class MatchOp(StrEnum):
    """How a label's value is compared."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition; an absent label has the empty value.

    Attributes:
        name: the label's.
        op: the comparison.
        value: text, or a pattern in RE2's syntax that must match the whole value.
    """

    name: str
    op: MatchOp
    value: str

    def predicate(self) -> Callable[[str], bool]:
        """The condition as a function of the label's value.

        Raises:
            RegexError: the pattern is wrong or needs too much memory.
        """
        value = self.value
        match self.op:
            case MatchOp.EQUAL:
                return lambda text: text == value
            case MatchOp.NOT_EQUAL:
                return lambda text: text != value
            case MatchOp.REGEX:
                return _full_match(value)
            case MatchOp.NOT_REGEX:
                matches = _full_match(value)
                return lambda text: not matches(text)

    def matches(self, text: str) -> bool:
        """Whether a label of this value is meant."""
        return self.predicate()(text)


@lru_cache(_CACHED_PATTERNS)
def _full_match(pattern: str) -> Callable[[str], bool]:
    """Whether a text matches `pattern` from end to end; `.` matches newlines too, as in Prometheus.

    Raises:
        RegexError: RE2 does not take the pattern, or it costs too much.
    """
    literals = pattern.split("|")
    if not any(character in _SPECIAL for literal in literals for character in literal):
        return frozenset(literals).__contains__
    regex = compiled(pattern)
    return lambda text: regex.fullmatch(text) is not None
