"""Patterns in RE2's syntax: what one costs is bounded before it is used, and a match takes time linear in the text."""

from functools import lru_cache
from typing import Final

import re2

from lapbell_evaluator.model import EvaluatorError

__all__ = ["RegexError", "compiled"]

_MOST_PATTERN_CHARS: Final = 8_192
"""As long as the longest expression."""

_CACHED_PATTERNS: Final = 256
_MAX_PATTERN_MEMORY: Final = 1 << 20
_ALWAYS_ALLOWED_INSTRUCTIONS: Final = 10_000
_INSTRUCTIONS_PER_CHAR: Final = 8
"""Where RE2 has no memory left for an automaton, each character of a text costs as much as the program is long. Plain
text and classes make less than this many instructions per character, counted repetitions (`x{1000}`) far more."""


class RegexError(EvaluatorError):
    """A pattern that RE2 does not take, or that costs too much."""


@lru_cache(_CACHED_PATTERNS)
def compiled(pattern: str, *, dot_matches_newline: bool = True) -> "re2._Regexp[str]":
    """The pattern, ready to match.

    Args:
        pattern: in RE2's syntax, 8,192 characters at most.
        dot_matches_newline: as in Prometheus' matchers; in its templates `.` does not.

    Raises:
        RegexError: RE2 does not take the pattern, or it is too long, or needs more than 1 MiB or too many instructions.
    """
    if len(pattern) > _MOST_PATTERN_CHARS:
        raise RegexError(
            f"A regular expression of {len(pattern)} characters.", f"{_MOST_PATTERN_CHARS} are the most; split it."
        )
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PATTERN_MEMORY
    options.dot_nl = dot_matches_newline
    try:
        regex = re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0]
        detail = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise RegexError(f"error parsing regexp: {detail}: {_shown(pattern)}", "The syntax is RE2's.") from error
    except UnicodeEncodeError:
        raise RegexError(f"error parsing regexp: no UTF-8: {_shown(pattern)}", "The syntax is RE2's.") from None
    allowed = max(_ALWAYS_ALLOWED_INSTRUCTIONS, _INSTRUCTIONS_PER_CHAR * len(pattern))
    if regex.programsize > allowed:
        raise RegexError(
            f"error parsing regexp: {regex.programsize} instructions, {allowed} are the most: {_shown(pattern)}",
            "Repeat less often, or nest fewer repetitions.",
        )
    return regex


def _shown(pattern: str) -> str:
    return repr(pattern) if len(pattern) <= 200 else f"{pattern[:200]!r}…"
