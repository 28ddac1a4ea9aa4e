# ruff: noqa: E501 -- templates stand in one line each
"""Go's text/template with Prometheus' functions: what it gives, and that promtool gives the same."""

import subprocess

import pytest
import yaml

from lapbell_evaluator.model import QueryResult, Sample, labels
from lapbell_evaluator.rules.template import Context, QueryNeeded, TemplateError, check, expand, rendered
from peers.locate import require

LABELS = {"instance": "web-1.example.com:8080", "job": "api", "path": "/webhook/whatsapp", "n": "12.5"}
OTHERS = (
    Sample(labels({"__name__": "up", "job": "api", "instance": "b"}), 0.0, 1.0),
    Sample(labels({"__name__": "up", "job": "api", "instance": "a"}), 0.0, 0.25),
)
SAME_AS_PROMTOOL = [
    "{{ $value }}",
    "{{ .Value }} {{ .Labels.job }} {{ $labels.job }}{{ $labels.nothing }}|",
    "{{ 1000000.0 }} {{ 123456.0 }} {{ 1234567.5 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1e21 }} {{ 100 }} {{ -0.5 }}",
    "{{ true }} {{ print nil }} {{ 'a' }} {{ 0x1F }} {{ 0b11 }} {{ 1_000 }}",
    '{{ "a\\tb\\u00e9" }} {{ `raw \\t` }}',
    "a {{- 1 -}} b {{ 2 }} c",
    "x{{/* nothing */}}y {{- /* trimmed */ -}} z",
    "{{ if gt $value 1.0 }}big{{ else if eq $value 0.5 }}half{{ else }}small{{ end }}",
    "{{ if and (gt $value 1.0) (lt $value 2000000.0) }}in{{ end }}{{ if or false 0 }}no{{ else }}yes{{ end }}",
    "{{ if not $labels.nothing }}absent{{ end }}",
    "{{ with $labels.job }}[{{ . }}]{{ else }}none{{ end }}{{ with $labels.nothing }}x{{ else }}none{{ end }}",
    "{{ with $x := $labels.job }}{{ $x }}{{ end }}",
    "{{ range $name, $text := $labels }}{{ $name }}={{ $text }};{{ end }}",
    "{{ range $labels }}{{ . }},{{ else }}empty{{ end }}",
    "{{ range $i, $s := (query `up` | sortByLabel `instance`) }}{{ $i }}:{{ $s.Labels.instance }}={{ .Value }} {{ end }}",
    "{{ range query `nothing_at_all` }}x{{ else }}empty{{ end }}",
    "{{ range $i, $e := (query `up`) }}{{ if eq $i 1 }}{{ break }}{{ end }}.{{ end }}",
    "{{ range query `up` }}{{ if lt .Value 0.5 }}{{ continue }}{{ end }}{{ .Value }}{{ end }}",
    "{{ with query `up` | sortByLabel `instance` }}{{ . | first | value | humanizePercentage }}{{ end }}",
    "{{ query `up` | sortByLabel `instance` | first | label `instance` }}",
    "{{ (query `up` | sortByLabel `instance` | first).Labels.job }} {{ len (query `up`) }}",
    '{{ printf `up{job=%q}` $labels.job }} {{ range query (printf `up{job=%q,instance="a"}` $labels.job) }}{{ .Value }}{{ end }}',
    '{{ printf "%d %5d|%-5d|%05d %+d %x %X %o %b %c %U" 7 7 7 7 7 255 255 8 5 65 65 }}',
    '{{ printf "%f %.2f %8.1f|%-8.1f|%e %g %G %.3g %v" 1.5 1.5 1.5 1.5 1500.0 1e-7 1e-7 1234.5 2.5 }}',
    '{{ printf "%s %q %10s|%-10s|%.2s %x %X %v" "ab" "a\\"b" "ab" "ab" "abcdef" "hi" "hi" "z" }}',
    '{{ printf "%t %v %T %%" true false 1.5 }}',
    '{{ printf "%[2]s %[1]s" "a" "b" }} {{ printf "%*d" 5 3 }} {{ printf "%-*d|" 5 3 }}',
    '{{ printf "%d" "x" }} {{ printf "%s" 5 }} {{ printf "%d" }} {{ printf "%d" 1 2 }} {{ printf "%!" }} {{ printf "%z" 1 }}',
    '{{ print "a" "b" 1 2 "c" }} {{ println "a" 1 }}',
    '{{ len "héllo" }} {{ index $labels "job" }} {{ slice "abcdef" 1 3 }}',
    '{{ html "<a href=\\"x\\">&\'</a>" }} {{ urlquery "a b&c" }}',
    '{{ js "it\'s <b>" }}',
    "{{ eq 1 1 }} {{ eq $labels.job `x` `api` }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt 2.5 1.5 }} {{ ge `b` `a` }}",
    "{{ humanize 0.0 }} {{ humanize 1234567.0 }} {{ humanize 0.00123 }} {{ humanize -1500.0 }} {{ humanize `12` }} {{ humanize 5 }}",
    "{{ humanize1024 0.0 }} {{ humanize1024 1048576.0 }} {{ humanize1024 0.5 }} {{ humanize1024 1500.0 }}",
    "{{ humanizeDuration 0.0 }} {{ humanizeDuration 0.0015 }} {{ humanizeDuration 1.0 }} {{ humanizeDuration 59.94 }}",
    "{{ humanizeDuration 60.5 }} {{ humanizeDuration 3661.0 }} {{ humanizeDuration 90061.0 }} {{ humanizeDuration -75.0 }}",
    "{{ humanizePercentage 0.123456 }} {{ humanizePercentage 1.0 }}",
    "{{ humanizeTimestamp 1435065584.128 }} {{ humanizeTimestamp 0.0 }} {{ humanizeTimestamp 1.5 }}",
    "{{ parseDuration `1h30m` }} {{ parseDuration `-5s` }} {{ 90 | humanizeDuration }}",
    "{{ title `hello wOrld of-things` }} {{ toUpper `abc` }} {{ `ABC` | toLower }}",
    "{{ match `^we.*` $labels.instance }} {{ match `x` `abc` }}",
    "{{ reReplaceAll `(.*):(.*)` `$2-${1}` $labels.instance }} {{ reReplaceAll `l+` `L` `hello` }}",
    "{{ stripPort $labels.instance }} {{ stripPort `[::1]:80` }} {{ stripPort `plain` }}",
    "{{ stripDomain $labels.instance }} {{ stripDomain `10.0.0.1:80` }} {{ stripDomain `a.b.c` }}",
    "{{ graphLink `up == 0` }} {{ tableLink `up` }} {{ safeHtml `<b>` }}",
    "{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $x := 3 }}{{ end }}{{ $x }}",
    "{{ define `t` }}<{{ .arg0 }}{{ .arg1 }}>{{ end }}{{ template `t` (args 1 `b`) }}{{ template `t` args 2 }}",
    "{{ block `b` $labels.job }}[{{ . }}]{{ end }}",
    "{{ $labels.job | printf `%s-%s` `x` | toUpper }}",
    "{{ $externalLabels.cluster }}|{{ .ExternalLabels.cluster }}|",
    '{{ value (first (query `up{instance="a"}`)) }} {{ strvalue (first (query `up`)) }}',
    "{{ len $labels }} {{ $labels }}",
    '{{ (index (query `up{instance="a"}`) 0).Value }}',
    "line one\nline {{ $labels.job }}\n",
]


def context(value: float = 1234567.5) -> Context:
    answers = {}
    for expr, wanted in {
        "up": OTHERS,
        "nothing_at_all": (),
        'up{job="api",instance="a"}': OTHERS[1:],
        'up{instance="a"}': OTHERS[1:],
    }.items():
        answers[expr] = QueryResult(tuple(wanted))
    return Context(labels(LABELS | {"__name__": "metric"}), value, 300.0, answers=answers)


def test_promtool_expands_every_template_to_the_same_text(tmp_path):
    annotations = {f"a{number:02}": text for number, text in enumerate(SAME_AS_PROMTOOL)}
    series = ",".join(f'{name}="{text}"' for name, text in LABELS.items())
    rules = {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "metric > 0", "annotations": annotations}]}]}
    tests = {
        "rule_files": ["rules.yaml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f"metric{{{series}}}", "values": "1234567.5x10"},
                    {"series": 'up{job="api",instance="a"}', "values": "0.25x10"},
                    {"series": 'up{job="api",instance="b"}', "values": "1x10"},
                ],
                "alert_rule_test": [
                    {
                        "eval_time": "5m",
                        "alertname": "A",
                        "exp_alerts": [
                            {
                                "exp_labels": LABELS,
                                "exp_annotations": {
                                    name: expand(text, context()) for name, text in annotations.items()
                                },
                            }
                        ],
                    }
                ],
            }
        ],
    }
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(tests))
    told = subprocess.run(
        [require("promtool"), "test", "rules", tmp_path / "tests.yaml"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ nothing }}", 'function "nothing" not defined'),
        ("{{ $x }}", 'undefined variable "$x"'),
        ("a\n{{ if true }}", "line 2: unexpected end of the text"),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ 'ab' }}", "malformed character constant"),
        ('{{ "a }}', "unterminated quoted string"),
        ("{{ ) }}", "missing value"),
        ("{{ (1 }}", "unclosed left parenthesis"),
        ("{{ break }}", "{{break}} outside {{range}}"),
        ("{{ }}", "missing value for command"),
        ("{{ template x }}", "expected a quoted name"),
        ("{{", "unclosed action"),
        ("{{ 1 | 2 }}", "non executable command"),
        ("x" * 70_000, "65536 are allowed"),
        ("{{ if true }}" * 60 + "{{ end }}" * 60, "nested deeper"),
        ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "nested deeper"),
    ],
)
def test_a_template_that_can_not_be_parsed_says_why(text, message):
    with pytest.raises(TemplateError) as caught:
        check(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ gt $value 5 }}", "error calling gt: incompatible types for comparison"),
        ("{{ first (query `nothing_at_all`) }}", "first() called on vector with no elements"),
        ("{{ humanize `x` }}", "parsing"),
        ("{{ .Labels.job.x }}", "can't evaluate field x in type string"),
        ("{{ .Nothing }}", "can't evaluate field Nothing in type struct"),
        ("{{ toUpper 1 }}", "expected string; got int"),
        ("{{ reReplaceAll `(` `` `` }}", "error parsing regexp"),
        ("{{ template `none` }}", 'template "none" not defined'),
        ("{{ define `a` }}{{ template `a` }}{{ end }}{{ template `a` }}", "call each other deeper"),
        ("{{ range 1000000 }}{{ range 1000000 }}x{{ end }}{{ end }}", "steps"),
        ("{{ printf `%300000d` 1 }}", "characters of text"),
        ("{{ len 3 }}", "len of type int"),
        ("{{ toUpper }}", "wrong number of args for toUpper"),
        ("{{ index (query `up`) 7 }}", "index out of range"),
    ],
)
def test_a_template_that_can_not_be_executed_says_why(text, message):
    with pytest.raises(TemplateError) as caught:
        expand(text, context())
    assert message in str(caught.value)


def test_a_query_without_an_answer_asks_for_it():
    with pytest.raises(QueryNeeded) as asked:
        expand("{{ query `up` }}", Context((), 1.0, 0.0))
    assert asked.value.expr == "up"


async def test_queries_are_asked_once_each_and_errors_become_text():
    asked = []

    async def ask(expr: str) -> QueryResult:
        asked.append(expr)
        return QueryResult(OTHERS)

    here = Context((), 1.0, 0.0)
    assert await rendered("{{ len (query `up`) }}{{ len (query `up`) }}{{ query `down` | len }}", here, ask) == "222"
    assert asked == ["up", "down"]
    assert await rendered("{{ gt 1.0 1 }}", here, ask) == (
        "<error expanding template: error calling gt: incompatible types for comparison>"
    )


def test_the_time_of_the_evaluation_is_now():
    assert expand("{{ now }}", context()) == "300"
