"""What the parser makes of a text, and what it says about a wrong one."""

import re
from pathlib import Path

import pytest

from lapbell_evaluator.model import METRIC_NAME
from lapbell_evaluator.promql import (
    Aggregate,
    Binary,
    Call,
    Cardinality,
    Matching,
    MatrixSelector,
    Number,
    PromqlError,
    VectorSelector,
    parse,
    walk,
)
from lapbell_evaluator.promql.syntax.position import Position
from lapbell_evaluator.series import Matcher, MatchOp

GIVEN = Path(__file__).resolve().parents[4] / "shared" / "data" / "promqltest"
_PRECEDED = "must be preceded by an instant vector selector or range vector selector or a subquery"
_NOT_KEPT = "Start times are not kept; they become zero samples."
_NAME_IT = 'Name the metric, or a label like {job=~".+"}.'
_EVAL = re.compile(r"eval\S* (?:instant at \S+|range from \S+ to \S+ step \S+) (.+)")


def _metric(name, *matchers):
    return VectorSelector(name, (*matchers, Matcher(METRIC_NAME, MatchOp.EQUAL, name)))


def test_an_alert_is_a_comparison_whose_left_side_is_the_value():
    tree = parse('sum by (job) (rate(errors_total{code=~"5.."}[5m])) > 0.1')
    errors = _metric("errors_total", Matcher("code", MatchOp.REGEX, "5.."))
    rate = Call("rate", (MatrixSelector(errors, Number(300.0, is_duration=True)),))
    assert tree == Binary(">", Aggregate("sum", rate, None, ("job",)), Number(0.1), matching=Matching())


def test_operators_bind_as_in_prometheus():
    texts = {
        "1 + 2 * 3 ^ 2 ^ 2": "(1 + (2 * (3 ^ (2 ^ 2))))",
        "a or b and c unless d": "(a or ((b and c) unless d))",
        "-2 ^ 2": "-(2 ^ 2)",
        "a + b == c - d": "((a + b) == (c - d))",
        "a % b atan2 c": "((a % b) atan2 c)",
    }
    assert {text: _grouped(parse(text)) for text in texts} == texts


def _grouped(node):
    match node:
        case Binary(op=op, left=left, right=right):
            return f"({_grouped(left)} {op} {_grouped(right)})"
        case Number() | VectorSelector():
            return str(node)
        case _:
            return f"{node.op}{_grouped(node.expr)}"


def test_the_clauses_of_a_join_are_kept():
    tree = parse("a * on (job, le) group_left (team) fill_right (0) b")
    assert tree == Binary(
        "*",
        _metric("a"),
        _metric("b"),
        matching=Matching(Cardinality.MANY_TO_ONE, ("job", "le"), on=True, include=("team",), fill_right=0.0),
    )


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("SUM(x) BY (job)", "sum by (job) (x)"),
        ("x [ 90s ] offset 3600s", "x[1m30s] offset 1h"),
        ('{"http.requests", "a.b"="c"}', '{"a.b"="c",__name__="http.requests"}'),
        ("foo:bar:rate5m{b='x',a=`y`}", 'foo:bar:rate5m{a="y",b="x"}'),
        ("x @ end() offset -5m", "x @ end() offset -5m"),
        ("sum(:a:sum)", "sum(:a:sum)"),
        (':a:b{c="d"}[5m:]', ':a:b{c="d"}[5m:]'),
        (": + ::a", ": + ::a"),
        ("max_over_time(x[1d:1h] @ 1.5)", "max_over_time(x[1d:1h] @ 1.500)"),
        ("0x1F + 1e3 + .5 + Inf", "31 + 1000 + 0.5 + +Inf"),
        ("x[step() * (2 + 1)]", "x[step() * (2 + 1)]"),
        ("sum + by", "sum + by"),
        ('"a\\n\\"b"', '"a\\n\\"b"'),
    ],
)
def test_the_same_tree_is_always_printed_the_same(text, canonical):
    assert str(parse(text)) == canonical


@pytest.mark.skipif(not GIVEN.is_dir(), reason="Prometheus' test scripts are not beside the repository")
def test_every_query_of_prometheus_prints_to_itself():
    texts = {found[1] for path in GIVEN.glob("*.test") for found in map(_EVAL.match, _lines(path)) if found}
    printed = []
    for text in texts:
        try:
            printed.append(str(parse(text)))
        except PromqlError:
            continue
    assert len(printed) > 1_000
    assert [text for text in printed if str(parse(text)) != text] == []


def _lines(path):
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_node_knows_its_place():
    tree = parse("sum(\n  rate(x[5m])\n) > 1")
    places = {type(node).__name__: node.position for node in walk(tree)}
    assert places == {
        "Binary": Position(1, 1),
        "Aggregate": Position(1, 1),
        "Call": Position(2, 3),
        "MatrixSelector": Position(2, 8),
        "VectorSelector": Position(2, 8),
        "Number": Position(3, 5),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: expected an expression, found end of input"),
        ("sum(", "1:5: expected an expression, found end of input"),
        ("a ==", "1:5: expected an expression, found end of input"),
        ("rate(x)", "1:6: expected type range vector in call to function 'rate', got instant vector"),
        ("rate(x[5m)", "1:10: expected \":\" or \"]\", found ')'"),
        ("foo{a=b}", "1:7: expected a quoted value, found 'b'"),
        ("foo{a}", "1:6: expected one of = != =~ !~, found '}'"),
        ('foo{a=~"("}', "1:1: error parsing regexp: missing ): (: '('. The syntax is RE2's."),
        ("ratee(x[5m])", "1:1: unknown function with name 'ratee'. Did you mean rate?"),
        ("sum by job (x)", "1:8: expected \"(\" and names of labels, found 'job'"),
        ("1 > 2", "1:1: comparisons between scalars must use BOOL modifier. Write > bool."),
        ("x and 1", "1:1: set operator 'and' not allowed in binary scalar expression"),
        ("x[5m] + 1", "1:1: binary expression must contain only scalar and instant vector types"),
        ("(a + b) offset 5m", f"1:9: offset modifier {_PRECEDED}"),
        ("x[5x]", "1:3: bad number or duration syntax: '5x'. Numbers look like 1.5 or 0x1f, durations like 1h30m."),
        ("x[0s]", "1:3: duration must be greater than 0"),
        ("{}", f"1:1: vector selector must contain at least one non-empty matcher. {_NAME_IT}"),
        ("start_timestamp(x)", f"1:1: function 'start_timestamp' is not supported. {_NOT_KEPT}"),
        ("topk(x)", "1:1: wrong number of arguments for aggregate expression provided, expected 2, got 1"),
        ('"open', '1:1: unterminated quoted string. Close it with ".'),
        ("info(x, y)", '1:9: expected label selectors only, got vector selector instead. Write {__name__="y"}.'),
        ("a $ b", "1:3: unexpected character: '$'"),
        ("a\n+\n+ *", "3:3: expected an expression, found '*'"),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what_to_do(text, said):
    with pytest.raises(PromqlError) as caught:
        parse(text)
    assert str(caught.value) == said
