"""Alertmanager's matchers: as text, and against labels.

Source: Alertmanager, matcher/parse (UTF-8) and pkg/labels (classic); what the first does not take goes to the second.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final

from lapbell_evaluator.model import EvaluatorError, LabelMatcher
from lapbell_evaluator.series import Matcher, MatchOp

__all__ = ["MatcherError", "check", "matches", "parse_matchers", "shown"]

_TOKEN: Final = re.compile(
    r'\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<op>=~|!=|!~|=)|(?P<mark>[{},])|(?P<bare>[^\s{}!=~,\\"\'`]+))\s*',
    re.DOTALL,
)
_CLASSIC: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.DOTALL)
_CLASSIC_PART: Final = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^,"])*)(?:,|$)', re.DOTALL)
_OPS: Final = {"=": (False, True), "!=": (False, False), "=~": (True, True), "!~": (True, False)}
_KINDS: Final = {flags: MatchOp(op) for op, flags in _OPS.items()}


class MatcherError(EvaluatorError):
    """A matcher that can't be read, or that matches nothing sensible."""


def parse_matchers(text: str) -> tuple[LabelMatcher, ...]:
    """The matchers of `{job="api", "http.route"=~"/webhook.*"}`; braces and quotes may be left out.

    Raises:
        MatcherError: what is wrong, and how to write it.
    """
    matchers = _utf8(text)
    if matchers is None:
        matchers = _classic(text)
    if matchers is None:
        raise MatcherError(f"Bad matcher: {text}.", 'Write {name="value", other=~"regular.*"}.')
    for matcher in matchers:
        check(matcher)
    return matchers


def check(matcher: LabelMatcher) -> None:
    """Whether a matcher can be used.

    Raises:
        MatcherError: it has no name, or a pattern that RE2 does not take.
    """
    if not matcher.name:
        raise MatcherError("A matcher without a label name.", 'Write name="value".')
    try:
        _predicate(matcher)
    except EvaluatorError as error:
        raise MatcherError(f"{shown(matcher)}: {error}") from None


def matches(matchers: Iterable[LabelMatcher], labels: Mapping[str, str]) -> bool:
    """Whether every matcher holds of the labels."""
    return all(_predicate(matcher)(labels.get(matcher.name, "")) for matcher in matchers)


def shown(matcher: LabelMatcher) -> str:
    """As Alertmanager writes it."""
    plain = matcher.name.isascii() and matcher.name.isidentifier()
    name = matcher.name if plain else json.dumps(matcher.name, ensure_ascii=False)
    return f"{name}{_KINDS[matcher.is_regex, matcher.is_equal]}{json.dumps(matcher.value, ensure_ascii=False)}"


@lru_cache(maxsize=4096)
def _predicate(matcher: LabelMatcher) -> Callable[[str], bool]:
    return Matcher(matcher.name, _KINDS[matcher.is_regex, matcher.is_equal], matcher.value).predicate()


def _utf8(text: str) -> tuple[LabelMatcher, ...] | None:
    tokens = _tokens(text)
    if tokens is None:
        return None
    if tokens[:1] == [("mark", "{")]:
        if tokens[-1] != ("mark", "}") or len(tokens) == 1:
            return None
        tokens = tokens[1:-1]
    matchers = []
    while tokens:
        part, tokens = tokens[:3], tokens[3:]
        if [kind for kind, _ in part] not in _SHAPES:
            return None
        is_regex, is_equal = _OPS[part[1][1]]
        matchers.append(LabelMatcher(part[0][1], part[2][1], is_regex, is_equal))
        if tokens and tokens.pop(0) != ("mark", ","):
            return None
    return tuple(matchers)


_SHAPES: Final = [[name, "op", value] for name in ("quoted", "bare") for value in ("quoted", "bare")]


def _tokens(text: str) -> list[tuple[str, str]] | None:
    tokens: list[tuple[str, str]] = []
    position = 0
    stripped = text.strip()
    while position < len(stripped):
        token = _TOKEN.match(stripped, position)
        if token is None or token.lastgroup is None:
            return None
        value = token[token.lastgroup]
        if token.lastgroup == "quoted":
            unquoted = _unquoted(value)
            if unquoted is None:
                return None
            value = unquoted
        tokens.append((token.lastgroup, value))
        position = token.end()
    return tokens


def _unquoted(text: str) -> str | None:
    """A double-quoted Go string; JSON's escapes are the ones that occur."""
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return None


def _classic(text: str) -> tuple[LabelMatcher, ...] | None:
    inside = text.removeprefix("{").removesuffix("}")
    matchers = []
    position = 0
    while position < len(inside):
        part = _CLASSIC_PART.match(inside, position)
        if part is None or part.end() == position:
            return None
        position = part.end()
        if part[1].strip() or part[0].endswith(","):
            matcher = _classic_matcher(part[1])
            if matcher is None:
                return None
            matchers.append(matcher)
    return tuple(matchers)


def _classic_matcher(text: str) -> LabelMatcher | None:
    match = _CLASSIC.fullmatch(text)
    if match is None:
        return None
    name, op, value = match.groups()
    is_quoted = value.startswith('"')
    if is_quoted:
        if len(value) < 2 or not value.endswith('"'):
            return None
        value = value[1:-1]
    if re.search(r'(?<!\\)(?:\\\\)*"', value):
        return None
    unescaped = re.sub(r'\\(n|"|\\)', lambda escape: {"n": "\n"}.get(escape[1], escape[1]), value)
    is_regex, is_equal = _OPS[op]
    return LabelMatcher(name, unescaped, is_regex, is_equal)
