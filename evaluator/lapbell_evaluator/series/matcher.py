"""Matchers: one condition on one label, as selectors, silences and inhibitions have them."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lapbell_evaluator.series.pattern_cache import PatternCache
from lapbell_evaluator.series.regex import compiled, memory

__all__ = ["MatchOp", "Matcher", "full_match"]

_MORE_THAN_LITERALS: Final = frozenset("\\.+*?()[]{}^$")
_BYTES_PER_CHAR: Final = 8
_BYTES_PER_LITERAL: Final = 200  # as text, and in a set


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
                return full_match(value)
            case MatchOp.NOT_REGEX:
                matches = full_match(value)
                return lambda text: not matches(text)

    def matches(self, text: str) -> bool:
        """Whether a label of this value is meant."""
        return self.predicate()(text)


def full_match(pattern: str) -> Callable[[str], bool]:
    """Whether a text matches `pattern` from end to end; `.` matches newlines too, as in Prometheus.

    Raises:
        RegexError: RE2 does not take the pattern, or it costs too much.
    """
    return _PREDICATES(pattern)


def _predicate(pattern: str) -> Callable[[str], bool]:
    if _MORE_THAN_LITERALS.isdisjoint(pattern):
        return frozenset(pattern.split("|")).__contains__
    regex = compiled(pattern)
    return lambda text: regex.fullmatch(text) is not None


def _weight(pattern: str, _: Callable[[str], bool]) -> int:
    own = _BYTES_PER_CHAR * len(pattern)
    if _MORE_THAN_LITERALS.isdisjoint(pattern):
        return own + _BYTES_PER_LITERAL * (1 + pattern.count("|"))
    return own + memory(compiled(pattern))


_PREDICATES: Final = PatternCache(_predicate, _weight, 32 << 20)
