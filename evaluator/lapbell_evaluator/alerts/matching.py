"""Alertmanager's matchers: as text, and against labels."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lapbell_evaluator.alerts.matcher_text import MOST_MATCHER_CHARS, OPERATORS, classic_matchers, utf8_matchers
from lapbell_evaluator.model import EvaluatorError, LabelMatcher
from lapbell_evaluator.series import MatchOp, full_match

__all__ = ["MatcherError", "check", "matches", "parse_filter", "parse_matchers", "shown"]

MOST_FILTER_MATCHERS: Final = 64

_KINDS: Final = {flags: MatchOp(op) for op, flags in OPERATORS.items()}


class MatcherError(EvaluatorError):
    """A matcher that can't be read, or that matches nothing sensible."""


def parse_matchers(text: str) -> tuple[LabelMatcher, ...]:
    """The matchers of `{job="api", "http.route"=~"/webhook.*"}`; braces and quotes may be left out.

    Raises:
        MatcherError: what is wrong, and how to write it.
    """
    if len(text) > MOST_MATCHER_CHARS:
        remedy = f"{MOST_MATCHER_CHARS} are the most; write fewer or shorter ones."
        raise MatcherError(f"Matchers of {len(text)} characters.", remedy)
    matchers = utf8_matchers(text)
    if matchers is None:
        matchers = classic_matchers(text)
    if matchers is None:
        raise MatcherError(f"Bad matcher: {text[:200]}.", 'Write {name="value", other=~"regular.*"}.')
    for matcher in matchers:
        check(matcher)
    return matchers


def parse_filter(texts: Sequence[str]) -> tuple[LabelMatcher, ...]:
    """The matchers of a request, which may name several texts; all must hold.

    Raises:
        MatcherError: as `parse_matchers`, or together they are too long or too many.
    """
    size = sum(map(len, texts))
    if size > MOST_MATCHER_CHARS:
        raise MatcherError(f"A filter of {size} characters.", f"{MOST_MATCHER_CHARS} are the most.")
    matchers = tuple(matcher for text in texts for matcher in parse_matchers(text))
    if len(matchers) > MOST_FILTER_MATCHERS:
        raise MatcherError(f"A filter of {len(matchers)} matchers.", f"{MOST_FILTER_MATCHERS} are the most.")
    return matchers


def check(matcher: LabelMatcher) -> None:
    """Whether a matcher can be used.

    Raises:
        MatcherError: it has no name, is too long, or has a pattern that RE2 does not take.
    """
    if len(matcher.name) + len(matcher.value) > MOST_MATCHER_CHARS:
        remedy = f"{MOST_MATCHER_CHARS} are the most."
        raise MatcherError(f"A matcher of {len(matcher.name) + len(matcher.value)} characters.", remedy)
    if not matcher.name:
        raise MatcherError("A matcher without a label name.", 'Write name="value".')
    try:
        _holds(matcher, "")
    except EvaluatorError as error:
        raise MatcherError(f"{shown(matcher)}: {error}") from None


def matches(matchers: Iterable[LabelMatcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds of the labels."""
    return all(_holds(matcher, labels.get(matcher.name, "")) for matcher in matchers)


def shown(matcher: LabelMatcher) -> str:
    """As Alertmanager writes it."""
    plain = matcher.name.isascii() and matcher.name.isidentifier()
    name = matcher.name if plain else json.dumps(matcher.name, ensure_ascii=False)
    return f"{name}{_KINDS[matcher.is_regex, matcher.is_equal]}{json.dumps(matcher.value, ensure_ascii=False)}"


def _holds(matcher: LabelMatcher, text: str) -> bool:
    is_match = full_match(matcher.value)(text) if matcher.is_regex else text == matcher.value
    return is_match is matcher.is_equal
