import subprocess

import pytest

from lapbell_evaluator.model import OnError, OnNoData, Rule, RuleGroup, RuleKind, labels
from lapbell_evaluator.rules import RuleFileError, check_file, load, printed
from lapbell_evaluator.rules.rule_file import read
from peers.locate import require

WHOLE = """\
groups:
  - name: example
    interval: 1m30s
    query_offset: 10s
    limit: 5
    labels: {team: core}
    rules:
      - record: job:up:sum
        expr: sum by (job) (up)
        labels: {kept: "yes"}
      - alert: Down
        expr: |
          up
            == 0
        for: 5m
        keep_firing_for: 0
        labels: {severity: "{{ $labels.level }}"}
        annotations:
          summary: down
          lapbell_on_no_data: keep
          lapbell_on_error: fire
          lapbell_recovery_expr: up
          lapbell_warm_after: 1m
"""


def errors_of(text: str) -> list[str]:
    with pytest.raises(RuleFileError) as caught:
        load(text, "rules.yaml")
    return str(caught.value).splitlines()


def test_a_rule_file_is_read_whole():
    (group,) = load(WHOLE, "rules.yaml")
    assert group == RuleGroup(
        name="example",
        interval_s=90.0,
        query_offset_s=10.0,
        limit=5,
        labels=labels({"team": "core"}),
        file="rules.yaml",
        rules=(
            Rule(
                name="job:up:sum",
                expr="sum by (job) (up)",
                kind=RuleKind.RECORDING,
                labels=labels({"kept": "yes"}),
            ),
            Rule(
                name="Down",
                expr="up\n  == 0\n",
                for_s=300.0,
                labels=labels({"severity": "{{ $labels.level }}"}),
                annotations=labels(
                    {
                        "summary": "down",
                        "lapbell_on_no_data": "keep",
                        "lapbell_on_error": "fire",
                        "lapbell_recovery_expr": "up",
                        "lapbell_warm_after": "1m",
                    }
                ),
                on_no_data=OnNoData.KEEP,
                on_error=OnError.FIRE,
                recovery_expr="up",
                warm_after_s=60.0,
            ),
        ),
    )


def test_printed_and_loaded_it_is_the_same():
    groups = load(WHOLE)
    assert load(printed(groups)) == groups


def test_user_rules_have_prometheus_semantics_by_default():
    (group,) = load("groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]")
    assert group.rules[0].on_no_data == OnNoData.RESOLVE
    assert group.rules[0].on_error == OnError.KEEP


@pytest.mark.parametrize(
    "text", ["", "groups:\n", "groups: []\n", "groups: [{name: a}]\n", "groups: [{name: a, rules: }]\n"]
)
def test_a_file_without_rules_is_fine(text):
    assert [group.rules for group in load(text)] in ([], [()])


def test_defaults_by_anchor_and_merge_are_yaml_like_any_other():
    (group,) = load(
        "groups:\n- name: a\n  rules:\n  - &base\n    alert: A\n    expr: up == 0\n    for: 1m\n"
        "  - <<: *base\n    alert: B\n"
    )
    assert [(rule.name, rule.for_s) for rule in group.rules] == [("A", 60.0), ("B", 60.0)]


@pytest.mark.parametrize(
    ("rule", "messages"),
    [
        ("{alert: A, expr: up ==}", ['3:27: group "g", rule 1, "A": could not parse expression: 1:6: ']),
        ("{alert: A}", ['3:5: group "g", rule 1, "A": field \'expr\' must be set in rule']),
        ("{expr: up}", ["3:5: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"]),
        ("{alert: A, record: b, expr: up}", ["3:5: group \"g\", rule 1, \"A\": only one of 'record' and 'alert' must"]),
        ("{alert: A, expr: up, fro: 5m}", ['3:26: group "g", rule 1, "A": unknown field `fro`; did you mean `for`?']),
        ("{alert: A, expr: up, for: 5 m}", ['3:31: group "g", rule 1, "A": for: not a valid duration string: \'5 m\'']),
        ("{record: a, expr: up, for: 5m}", ['3:32: group "g", rule 1, "a": invalid field \'for\' in recording rule']),
        ("{record: 'a{b}', expr: up}", ['3:14: group "g", rule 1, "a{b}": braces present in the recording rule name']),
        ("{alert: A, expr: up, labels: {x: '{{'}}", ['3:38: group "g", rule 1, "A": label "x": line 1: unclosed']),
        ("{alert: A, expr: up, labels: {__name__: x}}", ['3:45: group "g", rule 1, "A": invalid label name: __name__']),
        ("{alert: A, alert: B, expr: up}", ['3:16: group "g", rule 1, "A": `alert` stands here a second time']),
        ("{alert: A, expr: 'up[5m]'}", ['3:22: group "g", rule 1, "A": the expression must give']),
        (
            "{alert: A, expr: absent(up), annotations: {lapbell_on_no_data: keep}}",
            ['3:47: group "g", rule 1, "A": lapbell_on_no_data: keep needs a value to look at'],
        ),
        (
            "{alert: A, expr: up, annotations: {lapbell_on_nodata: keep, lapbell_on_error: what}}",
            ['3:59: group "g", rule 1, "A": lapbell_on_nodata is not known. Known are'],
        ),
    ],
)
def test_what_is_wrong_with_a_rule_stands_at_its_place(rule, messages):
    found = errors_of(f"groups:\n- {{name: g, rules: [\n    {rule}]}}\n")
    assert [
        line.removeprefix("rules.yaml:")[: len(message)] for line, message in zip(found, messages, strict=True)
    ] == messages


def test_every_problem_of_a_file_is_told_at_once_with_its_line():
    found = errors_of(
        "groups:\n- name: a\n  interval: often\n  rules:\n  - alert: A\n    expr: |\n      sum(\n        up\n"
        "- name: a\n- rules: []\n"
    )
    assert [line.split(": ")[0] for line in found] == [
        "rules.yaml:3:13",
        "rules.yaml:9:11",
        "rules.yaml:9:3",
        "rules.yaml:10:3",
    ]


@pytest.mark.parametrize(
    "text", ["a: [1", "- 1\n", "\t", "groups: 5\n", "groups: {a: 1}\n", "groups: &x [*x]\n", "text"]
)
def test_a_broken_file_is_an_error_with_a_position(text):
    assert all(line.startswith(("rules.yaml:1:", "rules.yaml:2:")) for line in errors_of(text))


VERDICTS = [
    "groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]",
    "groups: [{name: a, rules: [{alert: A, expr: 'up =='}]}]",
    "groups: [{name: a, rules: [{alert: A, expr: up, labels: {x: '{{ foo }}'}}]}]",
    "groups: [{name: a, rules: [{alert: A, expr: up, annotations: {x: '{{ $value | humanize }}'}}]}]",
    "groups: [{name: a, rules: [{record: a, expr: up, labels: {x: '{{'}}]}]",
    "groups: [{name: a, rules: [{record: a, expr: up, annotations: {x: y}}]}]",
    "groups: [{name: a, rules: [{record: a, alert: b, expr: up}]}]",
    "groups: [{name: a, rules: [{alert: b}]}]",
    "groups: [{name: a, rules: [{alert: b, expr: 1}]}]",
    "groups: [{name: a}, {name: a}]",
    "groups: [{name: ''}]",
    "groups: [{name: a, interval: 5}]",
    "groups: [{name: a, interval: 0}]",
    "groups: [{name: a, limit: x}]",
    "groups: [{name: a, limit: 10, query_offset: 1m, labels: {a: b}}]",
    "groups: [{name: a, unknown: 1}]",
    "group: []",
    "groups: [{name: a, rules: [{alert: A, expr: up, for: 1m30s, keep_firing_for: 1d}]}]",
    "groups: [{name: a, rules: [{alert: A, expr: up, for: -1m}]}]",
    "groups: [{name: a, rules: [{alert: A, expr: up, labels: {__name__: x}}]}]",
    "",
]


@pytest.mark.parametrize("text", VERDICTS)
def test_promtool_has_the_same_verdict(text, tmp_path):
    (tmp_path / "rules.yaml").write_text(text)
    told = subprocess.run(
        [require("promtool"), "check", "rules", tmp_path / "rules.yaml"], capture_output=True, text=True, check=False
    )
    try:
        load(text)
        ours = 0
    except RuleFileError:
        ours = 1
    assert ours == told.returncode, told.stdout + told.stderr


ONE, BROKEN = "groups: [{name: a, rules: [{record: b, expr: up}]}]", "groups: [{name: c, rules: [{alert: d}]}]"


@pytest.mark.parametrize(
    ("text", "rules", "is_followed"),
    [
        (ONE, 1, False),
        (f"---\n{ONE}\n", 1, False),
        (f"{ONE}\n...\n", 1, False),
        (f"{ONE}\n---\n", 1, True),
        (f"{ONE}\n---\n# nothing\n", 1, True),
        (f"{ONE}\n---\n{BROKEN}\n", 1, True),
        (f"{ONE}\n---\n: [no YAML\n", 1, True),
        (f"---\n---\n{ONE}\n", 0, True),
        (f"{ONE}\n...\n{ONE}\n", 1, True),
        ("---\n", 0, False),
    ],
)
def test_the_first_of_several_documents_is_read_and_the_others_are_told_of_as_promtool_does(
    text, rules, is_followed, tmp_path
):
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    told = subprocess.run([require("promtool"), "check", "rules", file], capture_output=True, text=True, check=False)
    found = told.stdout.partition("SUCCESS: ")[2].split()[0]
    theirs = {"rules": int(found), "followed": "only the first document is processed" in told.stderr}
    content = read(text)
    ours = {"rules": sum(len(group.rules) for group in content.groups), "followed": content.is_followed}
    assert ours == theirs == {"rules": rules, "followed": is_followed}


def test_merges_of_merges_are_made_once_each():
    twice = "{x: y}"
    for at in range(60):
        twice = f"{{<<: [&m{at} {twice}, *m{at}]}}"
    ((rule,),) = (
        group.rules for group in load(f"groups: [{{name: a, rules: [{{alert: b, expr: up, labels: {twice}}}]}}]")
    )
    assert rule.labels == labels({"x": "y"})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<<: 1", "expected a mapping, or a list of mappings, to merge"),
        ("? [a]\n: b", "unknown field"),
        ("[" * 100_000, "not YAML: "),
        ("- " * 100_000, "not YAML: "),
        (f"groups: [{{name: a, rules: &r [{'{record: b, expr: up},' * 600}]}}"
         + "".join(f", {{name: g{at}, rules: *r}}" for at in range(200)) + "]", "more than 100000 rules in one file"),
    ],
    ids=["merge of a number", "list as a key", "deep flow", "deep block", "aliases"],
)  # fmt: skip
def test_a_hostile_file_is_refused(text, problem):
    (told,) = errors_of(text)
    assert problem in told


def test_a_check_counts_rules_and_hints_at_what_may_not_be_meant(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(
        "groups: [{name: g, rules: [{record: a, expr: up}, {record: a, expr: up}, {alert: B, expr: absent(up)}]}]"
    )
    found = check_file(file)
    assert found.rules == 3
    assert found.errors == ()
    assert [hint.split(":")[0] for hint in found.hints] == [
        "2 rules have the name a and the labels {}",
        'group "g", "B"',
    ]


def test_a_check_of_a_broken_or_missing_file_has_its_errors(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("groups: [{name: g, rules: [{record: a}]}]")
    assert [check_file(each).is_success for each in (file, tmp_path / "missing.yaml")] == [False, False]
