"""Alertmanager's matchers as text, read in one pass: the time is linear in the text.

Source: Alertmanager, matcher/parse (UTF-8) and pkg/labels/parse.go (classic); what the first does not take goes to the
second.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from lapbell_evaluator.model import LabelMatcher

__all__ = ["MOST_MATCHER_CHARS", "OPERATORS", "classic_matchers", "utf8_matchers"]

MOST_MATCHER_CHARS: Final = 8_192
"""As long as the longest expression; a longer text is refused before it is read."""

OPERATORS: Final = {"=~": (True, True), "!~": (True, False), "!=": (False, False), "=": (False, True)}
"""Whether it is a pattern, and whether it must hold; the longer ones first."""

_RESERVED: Final = frozenset("{}!=~,\\\"'`")
_NAME_START: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:")
_NAME: Final = _NAME_START | frozenset("0123456789")
_ESCAPES: Final = {"n": "\n", '"': '"', "\\": "\\"}

_Token = tuple[str, str]
"""`quoted`, `bare`, `op` or `mark`, and the text."""


def utf8_matchers(text: str) -> tuple[LabelMatcher, ...] | None:
    """The matchers of `{job="api", "http.route"=~"/webhook.*"}`; None if it is no such text."""
    tokens = _tokens(text.strip())
    if tokens is None:
        return None
    start, end = 0, len(tokens)
    if tokens[:1] == [("mark", "{")]:
        if end == 1 or tokens[-1] != ("mark", "}"):
            return None
        start, end = 1, end - 1
    matchers = []
    for at in range(start, end, 4):
        matcher = _matcher(tokens[at : min(at + 3, end)])
        if matcher is None or (at + 3 < end and tokens[at + 3] != ("mark", ",")):
            return None
        matchers.append(matcher)
    return tuple(matchers)


def _matcher(tokens: Sequence[_Token]) -> LabelMatcher | None:
    if len(tokens) != 3:
        return None
    (name_kind, name), (op_kind, op), (value_kind, value) = tokens
    if op_kind != "op" or not {name_kind, value_kind} <= {"quoted", "bare"}:
        return None
    return LabelMatcher(name, value, *OPERATORS[op])


def _tokens(text: str) -> list[_Token] | None:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character.isspace():
            at += 1
            continue
        if character == '"':
            end = _end_of_string(text, at)
            value = _unquoted(text[at:end])
            if value is None:
                return None
            tokens.append(("quoted", value))
        elif character in "{},":
            end = at + 1
            tokens.append(("mark", character))
        elif (op := _operator(text, at)) is not None:
            end = at + len(op)
            tokens.append(("op", op))
        else:
            end = _end_of_bare(text, at)
            if end == at:
                return None
            tokens.append(("bare", text[at:end]))
        at = end
    return tokens


def _operator(text: str, at: int) -> str | None:
    return next((op for op in OPERATORS if text.startswith(op, at)), None)


def _end_of_string(text: str, at: int) -> int:
    """Behind the closing quote of the string that begins at `at`, or the end of the text."""
    is_escaped = False
    for position in range(at + 1, len(text)):
        character = text[position]
        if character == '"' and not is_escaped:
            return position + 1
        is_escaped = character == "\\" and not is_escaped
    return len(text)


def _end_of_bare(text: str, at: int) -> int:
    while at < len(text) and text[at] not in _RESERVED and not text[at].isspace():
        at += 1
    return at


def _unquoted(text: str) -> str | None:
    """A double-quoted Go string; JSON's escapes are the ones that occur."""
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return None


def classic_matchers(text: str) -> tuple[LabelMatcher, ...] | None:
    """The matchers of `{job="api",env=~prod.*}`, as Alertmanager read them before 0.27; None if it is no such text."""
    parts = list(_classic_parts(text.removeprefix("{").removesuffix("}")))
    if not parts[-1].strip():
        parts.pop()
    matchers = [_classic_matcher(part.strip()) for part in parts]
    return None if None in matchers else tuple(matcher for matcher in matchers if matcher is not None)


def _classic_parts(text: str) -> Iterator[str]:
    """What stands between the commas that are in no quotes."""
    start, is_quoted, is_escaped = 0, False, False
    for at, character in enumerate(text):
        if character == "," and not is_quoted:
            yield text[start:at]
            start = at + 1
        elif character == '"':
            is_quoted ^= not is_escaped
            is_escaped = False
        elif character != ",":
            is_escaped = character == "\\" and not is_escaped
    yield text[start:]


def _classic_matcher(text: str) -> LabelMatcher | None:
    end = 0
    while end < len(text) and text[end] in _NAME:
        end += 1
    rest = text[end:].lstrip()
    op = _operator(rest, 0)
    if not end or text[0] not in _NAME_START or op is None:
        return None
    value = _classic_value(rest[len(op) :].lstrip())
    return None if value is None else LabelMatcher(text[:end], value, *OPERATORS[op])


def _classic_value(raw: str) -> str | None:
    """Without its quotes and escapes; None if a quote is missing or too many. An unknown escape is no escape."""
    is_quoted = raw.startswith('"')
    body = raw[1:] if is_quoted else raw
    out: list[str] = []
    awaits_quote, is_escaped = is_quoted, False
    for behind, character in enumerate(body, 1):
        if is_escaped:
            out.append(_ESCAPES.get(character, f"\\{character}"))
            is_escaped = False
        elif character == "\\" and behind < len(body):
            is_escaped = True
        elif character == '"':
            if not awaits_quote or behind < len(body):
                return None
            awaits_quote = False
        else:
            out.append(character)
    return None if awaits_quote else "".join(out)
