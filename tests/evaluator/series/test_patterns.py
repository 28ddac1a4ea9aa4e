"""What is kept of patterns is bounded by bytes, whatever strangers ask for."""

import pytest

from lapbell_evaluator.alerts.matching import matches
from lapbell_evaluator.model import LabelMatcher
from lapbell_evaluator.series import RegexError, compiled
from lapbell_evaluator.series.pattern_cache import PatternCache
from lapbell_evaluator.series.regex import CACHE, memory


def test_what_was_asked_for_longest_ago_goes_first_and_the_rest_is_not_made_again():
    made = ""

    def make(pattern: str) -> str:
        nonlocal made
        made += pattern
        return pattern.upper()

    cache = PatternCache(make, lambda _pattern, _made: 10, 30)
    answers = [cache(pattern) for pattern in "abcadabc"]
    assert answers == list("ABCADABC")
    assert made == "abcdbc"
    assert len(cache) == 3
    assert cache.bytes == 30


def test_what_is_larger_than_the_bound_is_answered_and_not_kept():
    cache: PatternCache[str, str] = PatternCache(str.upper, lambda pattern, _made: len(pattern), 3)
    assert cache("abcd") == "ABCD"
    assert len(cache) == 0
    assert cache.bytes == 0


def test_three_hundred_costly_patterns_of_strangers_take_no_more_memory_than_the_bound():
    for number in range(300):
        assert matches((LabelMatcher("a", f"{number}(x{{500}}y)*", is_regex=True),), {"a": "b"}) is False
    assert CACHE.bytes <= 32 * 1024**2
    assert len(CACHE) < 300


def test_a_short_pattern_may_use_a_sixteenth_of_what_the_largest_may():
    assert memory(compiled("/webhook/.*")) < 80_000
    assert memory(compiled("[ab]{900}" * 5)) == 1024**2


def test_a_pattern_that_is_refused_is_refused_again():
    for _ in range(2):
        with pytest.raises(RegexError, match=r"error parsing regexp"):
            compiled("(a")
