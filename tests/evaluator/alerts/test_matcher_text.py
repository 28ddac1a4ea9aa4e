"""Matchers are read in one pass, and as the regular expressions read them that took quadratic time."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.alerts import MatcherError, parse_filter, parse_matchers
from lapbell_evaluator.alerts.matcher_text import classic_matchers, utf8_matchers
from lapbell_evaluator.model import LabelMatcher
from lapbell_evaluator.series import RegexError, compiled

OPS = {"=": (False, True), "!=": (False, False), "=~": (True, True), "!~": (True, False)}
PART = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[^,"])*)(?:,|$)', re.DOTALL)
MATCHER = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(=~|=|!=|!~)\s*(.*?)\s*", re.DOTALL)
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def by_regex(text: str) -> tuple[LabelMatcher, ...] | None:
    """The classic syntax, by backtracking."""
    inside, at, matchers = text.removeprefix("{").removesuffix("}"), 0, []
    while at < len(inside):
        part = PART.match(inside, at)
        if part is None or part.end() == at:
            return None
        at = part.end()
        if part[1].strip() or part[0].endswith(","):
            match = MATCHER.fullmatch(part[1])
            value = None if match is None else unquoted(match[3])
            if match is None or value is None:
                return None
            matchers.append(LabelMatcher(match[1], value, *OPS[match[2]]))
    return tuple(matchers)


def unquoted(value: str) -> str | None:
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):
            return None
        value = value[1:-1]
    if re.search(r'(?<!\\)(?:\\\\)*"', value):
        return None
    return re.sub(r'\\(n|"|\\)', lambda escape: ESCAPES[escape[1]], value)


@settings(max_examples=scaled(1_000))
@given(
    st.lists(
        st.sampled_from([*'ab1:_=!~{}," \t\n+日', "=~", "!~", "!=", '"', 'a="', '",', '\\"', "\\\\", "\\n"]),
        max_size=12,
    )
)
@example(["a=", '"', "b", '"', "}"])
def test_the_classic_syntax_is_what_the_regular_expressions_took(parts):
    text = "".join(parts)
    is_escaped_outside_quotes = re.search(r"\\", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)) is not None
    if not is_escaped_outside_quotes:
        assert classic_matchers(text) == by_regex(text)


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        (r"a=b\"c", (LabelMatcher("a", 'b"c'),)),
        (r"a=b\c", (LabelMatcher("a", r"b\c"),)),
        (r"a=b\n", (LabelMatcher("a", "b\n"),)),
        ("a=b\\", (LabelMatcher("a", "b\\"),)),
        (r'a="b\\"', (LabelMatcher("a", "b\\"),)),
        (r'a="b\"', None),
        ('a="b"c', None),
        ('a="', None),
        ("a=b, ", (LabelMatcher("a", "b"),)),
        (",a=b", None),
        ("a=b,,c=d", None),
    ],
)
def test_escapes_and_commas_are_those_of_alertmanager(text, matchers):
    assert classic_matchers(text) == matchers


TAKEN = {"a=a     ": {"classic"}, "a=b,a=b,": {"utf8", "classic"}, "a=b c=d ": {"classic"}}
HOSTILE = [
    "a=a" + " " * 60_000 + "b",
    "a=" + "\\" * 60_000 + '"',
    'a="' + '\\"' * 30_000,
    "a=b," * 15_000,
    '"' * 60_000,
    "{" * 60_000,
    "a" * 60_000,
    "a=b c=d " * 8_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:8])
def test_a_long_text_is_refused_before_it_is_read(text):
    with pytest.raises(MatcherError, match=f"Matchers of {len(text)} characters. 8192 are the most"):
        parse_matchers(text)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:8])
def test_both_readers_pass_over_a_long_text_once(text):
    readers = {"utf8": utf8_matchers, "classic": classic_matchers}
    taken = {name for name, reader in readers.items() if reader(text) is not None}
    assert taken == TAKEN.get(text[:8], set())


def test_a_filter_has_at_most_64_matchers_and_8192_characters():
    assert len(parse_filter(["a=b"] * 64)) == 64
    with pytest.raises(MatcherError, match=r"A filter of 65 matchers. 64 are the most"):
        parse_filter(["a=b"] * 65)
    with pytest.raises(MatcherError, match=r"A filter of 9000 characters. 8192 are the most"):
        parse_filter(["a=" + "b" * 4_498] * 2)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("x" * 8_193, "A regular expression of 8193 characters"),
        ("(((x{30}){30}){30}){30}", "error parsing regexp"),
        (".{1000}.{1000}", "instructions, 10000 are the most"),
    ],
)
def test_a_pattern_that_costs_too_much_is_refused(pattern, reason):
    with pytest.raises(RegexError, match=reason):
        compiled(pattern)
