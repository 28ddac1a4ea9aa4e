"""Patterns in RE2's syntax: what one costs is bounded before it is used, and a match takes time linear in the text."""

from typing import Final, TypeAlias

import re2

from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.series.pattern_cache import PatternCache

__all__ = ["CACHE", "RegexError", "compiled", "memory"]

_MOST_PATTERN_CHARS: Final = 8_192
"""As long as the longest expression."""

_MAX_PATTERN_MEMORY: Final = 1 << 20
_LEAST_PATTERN_MEMORY: Final = 1 << 16
_BYTES_PER_INSTRUCTION: Final = 256
"""RE2 needs 64 for the program; the rest is room for its automaton, without which a match is slower and as right."""
_CACHED_BYTES: Final = 32 << 20
_BYTES_PER_CHAR: Final = 4
_ALWAYS_ALLOWED_INSTRUCTIONS: Final = 10_000
_INSTRUCTIONS_PER_CHAR: Final = 8
"""Where RE2 has no memory left for an automaton, each character of a text costs as much as the program is long. Plain
text and classes make less than this many instructions per character, counted repetitions (`x{1000}`) far more."""

_Regex: TypeAlias = "re2._Regexp[str]"  # noqa: SLF001 - re2 has no other name for it


class RegexError(EvaluatorError):
    """A pattern that RE2 does not take, or that costs too much."""


def compiled(pattern: str, *, dot_matches_newline: bool = True) -> _Regex:
    """The pattern, ready to match; what was asked for lately is there at once, 32 MiB of it.

    Args:
        pattern: in RE2's syntax, 8,192 characters at most.
        dot_matches_newline: as in Prometheus' matchers; in its templates `.` does not.

    Raises:
        RegexError: RE2 does not take the pattern, or it is too long, or needs more than 1 MiB or too many instructions.
    """
    return CACHE((pattern, dot_matches_newline))


def memory(regex: _Regex) -> int:
    """How many bytes RE2 uses for a pattern at most: its program, and what it keeps while it matches."""
    return min(_MAX_PATTERN_MEMORY, _LEAST_PATTERN_MEMORY + _BYTES_PER_INSTRUCTION * int(regex.programsize))


def _made(key: tuple[str, bool]) -> _Regex:
    pattern, dot_matches_newline = key
    if len(pattern) > _MOST_PATTERN_CHARS:
        raise RegexError(
            f"A regular expression of {len(pattern)} characters.", f"{_MOST_PATTERN_CHARS} are the most; split it."
        )
    regex = _within(_MAX_PATTERN_MEMORY, pattern, dot_matches_newline=dot_matches_newline)
    allowed = max(_ALWAYS_ALLOWED_INSTRUCTIONS, _INSTRUCTIONS_PER_CHAR * len(pattern))
    if regex.programsize > allowed:
        raise RegexError(
            f"error parsing regexp: {regex.programsize} instructions, {allowed} are the most: {_shown(pattern)}",
            "Repeat less often, or nest fewer repetitions.",
        )
    return _within(memory(regex), pattern, dot_matches_newline=dot_matches_newline)


def _within(memory: int, pattern: str, *, dot_matches_newline: bool) -> _Regex:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory
    options.dot_nl = dot_matches_newline
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0]
        detail = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise RegexError(f"error parsing regexp: {detail}: {_shown(pattern)}", "The syntax is RE2's.") from error
    except UnicodeEncodeError:
        raise RegexError(f"error parsing regexp: no UTF-8: {_shown(pattern)}", "The syntax is RE2's.") from None


def _weight(key: tuple[str, bool], regex: _Regex) -> int:
    return memory(regex) + _BYTES_PER_CHAR * len(key[0])


CACHE: Final = PatternCache(_made, _weight, _CACHED_BYTES)


def _shown(pattern: str) -> str:
    return repr(pattern) if len(pattern) <= 200 else f"{pattern[:200]!r}…"
