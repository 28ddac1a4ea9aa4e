"""Text made by chance from the pieces of each language: an answer or that room's own error, never another exception."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell.privacy import MOST_CHARACTERS, scrub
from lapbell_evaluator.alerts import MatcherError, matches, parse_filter
from lapbell_evaluator.evaluation.compiled import compile_groups
from lapbell_evaluator.model import Batch, labels
from lapbell_evaluator.promql import Engine, EngineLimits, PromqlError, parse
from lapbell_evaluator.rules import RuleFileError, load
from lapbell_evaluator.rules.template import Context, QueryNeeded, TemplateError, expand
from lapbell_evaluator.series import SeriesStore

EXAMPLES = scaled(200)
ODD = ["\0", "\ud800", "日", "🙂", "\x7f", "\u2028", "\n", "\t", " "]


def words(text: str) -> list[str]:
    return text.split()


MATCHERS = words(r""" ' " a _b1 = =~ !~ != \ , { } .* ( ) [ x{1000} ` job=api """)
PROMQL = words("""
    c g :r:x sum by ( ) (job) { } job="a" =~".*" [ ] 5m : 1s , + - * / % ^ == bool and or unless on ignoring group_left
    fill offset @ end() start() rate increase anchored smoothed histogram_quantile label_replace label_join topk
    quantile count_values info absent sort time 1 0 -1 1e308 NaN Inf 0x1f "$1" "(.*)" "z" max_of step() range() # </
    vector scalar predict_linear double_exponential_smoothing
""")
TEMPLATES = words("""
    {{ }} {{- -}} /* */ $value $labels .job | printf "%d" "%-08.3*[2]f%%" humanize range end if else with define
    template query "up" first value reReplaceAll "(a*)*" "$1${x}" toTime .Format "2006-01-02.000" len index eq lt
    and 0x7 1e999 'a' := $x parseDuration stripPort title ( ) text 9999999999999999999 break continue args safeHtml
""")
YAML = [
    *(f"{word}: " for word in words("groups name rules alert record expr for labels annotations interval limit <<")),
    *("- ", "? ", "&x ", "*x", ", ", ": ", "|\n", ">\n", "---\n", "...\n", "\n  ", "\n    ", "lapbell_recovery_expr: "),
    *words("up a:b 5m 1 null ~ { } [ ] !!binary \" ' # %TAG lapbell_on_no_data"),
]
SCRUBBED = [*"aZ1._@+()-:/ ", "token", "=", "://", "%40", "password is ", "sk_", "1234567", "é", *ODD]


def joined(pieces: list[str], most: int = 24, between: tuple[str, ...] = ("", " ")) -> st.SearchStrategy[str]:
    texts = st.lists(st.sampled_from([*pieces, *ODD]), max_size=most)
    return st.tuples(texts, st.sampled_from(between)).map(lambda drawn: drawn[1].join(drawn[0]))


def of_chance(text: st.SearchStrategy[str]):
    """A test of so many texts; what one costs is bounded by the code under test."""
    return lambda test: settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])(given(text)(test))


@of_chance(joined(MATCHERS))
def test_matchers(text):
    try:
        wanted = parse_filter([text])
    except MatcherError:
        return
    assert matches(wanted, {"a": "b", "job": "api"}) in {True, False}


@of_chance(joined(YAML, 40, between=("",)))
def test_rule_files(text):
    with contextlib.suppress(RuleFileError, PromqlError):
        compile_groups(load(text), 5.0)


@of_chance(joined(TEMPLATES))
def test_templates(text):
    context = Context(labels({"job": "a:1"}), math.pi, 1e9)
    with contextlib.suppress(TemplateError, QueryNeeded):
        assert len(expand(text, context)) <= 262_144


@pytest.fixture(scope="module")
def engine():
    store = SeriesStore()
    rows = [{"__name__": name, "job": job, "le": le} for name in ("c", "g") for job in "ab" for le in ("1", "+Inf")]
    refs = np.array([store.intern(labels(row)) for row in rows])
    for at in range(1, 20):
        store.append(Batch(refs, np.full(len(refs), at * 5_000), np.arange(len(refs), dtype=np.float64) * at))
    answering = Engine(store, EngineLimits(timeout_s=5.0, samples=200_000, cells=50_000))
    yield answering
    answering.close()


@of_chance(joined(PROMQL))
def test_queries(engine, text):
    with contextlib.suppress(PromqlError):
        node = parse(text)
        assert engine.evaluate(parse(str(node)), 95.0).kind == engine.evaluate(node, 95.0).kind
        engine.evaluate_range(node, 10.0, 95.0, 7.0)


@of_chance(joined(SCRUBBED, 60, between=("",)))
def test_texts_to_be_scrubbed(text):
    assert len(scrub(text * 40)) <= MOST_CHARACTERS
