# ruff: noqa: E501 -- a case stands in one line
"""`lapbell test rules` and `promtool test rules` give the same verdict on every test group of the same files."""

import subprocess
from xml.etree import ElementTree as ET

import pytest
import yaml

from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.rule_tests import junit, run_file, shown
from lapbell_evaluator.rule_tests.notation import parse_values
from peers.locate import require

RULES = """
groups:
- name: plain
  rules:
  - {alert: Up, expr: up == 1}
  - {alert: Down, expr: up == 0, for: 2m, labels: {severity: page}, annotations: {summary: "{{ $labels.instance }} of {{ $labels.job }} is {{ $value }}"}}
  - {alert: DownLong, expr: up == 0, for: 5m, keep_firing_for: 3m}
  - {alert: KeptAtOnce, expr: up == 0, keep_firing_for: 2m, annotations: {value: "{{ $value }}"}}
  - {alert: Absent, expr: absent(up), for: 1m}
  - {alert: AbsentJob, expr: 'absent(up{job="web"})'}
  - {alert: Templated, expr: up == 0, labels: {kind: "{{ $labels.job | toUpper }}", job: ""}}
  - {alert: Overridden, expr: up == 0, labels: {job: other}}
  - {alert: Scalar, expr: vector(1) > 0}
  - {alert: Many, expr: 'count by (job) (up == 0) > 1', annotations: {n: "{{ printf \\"%.0f\\" $value }}"}}
  - {alert: External, expr: up == 0, annotations: {e: "{{ $externalLabels.cluster }} {{ $externalURL }} {{ .ExternalURL }}"}, labels: {c: "{{ $externalLabels.cluster }}"}}
  - {alert: Queried, expr: up == 0, annotations: {q: "{{ range query \\"up == 1\\" }}{{ .Labels.instance }},{{ end }}{{ with query \\"count(up)\\" }}{{ . | first | value }}{{ end }}"}}
  - {alert: Now, expr: up == 0, annotations: {t: "{{ now }} {{ now | humanizeTimestamp }}"}}
  - {alert: Broken, expr: up == 0, annotations: {b: "{{ gt $value 1 }}"}, labels: {x: "{{ $labels.nothing }}"}}
- name: chain
  rules:
  - {record: "job:up:sum", expr: sum by (job) (up), labels: {level: job}}
  - {alert: Chain, expr: 'job:up:sum < 2', for: 1m}
  - {record: pending, expr: 'count by (alertname) (ALERTS{alertname="Chain", alertstate="pending"})'}
  - {record: firing, expr: 'count by (alertname) (ALERTS{alertname="Chain", alertstate="firing"})'}
  - {record: since, expr: 'ALERTS_FOR_STATE{alertname="Chain"}'}
  - {alert: Second, expr: 'ALERTS{alertname="Chain", alertstate="firing"} == 1'}
- name: rates
  interval: 5m
  labels: {team: core}
  rules:
  - {record: "requests:rate5m", expr: 'rate(requests_total[5m])'}
  - {alert: Busy, expr: 'rate(requests_total[5m]) > 10', for: 1m}
  - {alert: BusyOwn, expr: 'rate(requests_total[5m]) > 10', labels: {team: mine}}
  - {alert: Slow, expr: 'histogram_quantile(0.9, sum by (le, route) (rate(seconds_bucket[5m]))) > 1', annotations: {v: "{{ $value | humanizeDuration }}"}}
  - {alert: Errors, expr: '100 * sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 5', annotations: {v: "{{ $value | humanize }}%"}}
  - {alert: Delayed, expr: 'requests_total > 100'}
- name: shifted
  query_offset: 2m
  rules:
  - {record: shifted, expr: gauge}
  - {alert: Shifted, expr: gauge > 5}
- name: native
  rules:
  - {record: "seconds:rate", expr: 'sum(rate(latency[5m]))'}
  - {alert: Latency, expr: 'histogram_quantile(0.9, rate(latency[5m])) > 1', annotations: {v: "{{ $value | humanizeDuration }}"}}
  - {alert: Raw, expr: latency, labels: {q: "{{ $value }}"}, annotations: {v: "{{ $value }} {{ .Value.Count }} {{ $value.Sum }}", q: "{{ with query \\"latency\\" }}{{ . | first | value }}{{ end }}", t: "{{ printf \\"%T %v\\" $value $value }}"}}
  - {alert: EmptyNote, expr: up == 0, labels: {gone: ""}, annotations: {summary: ""}}
- name: second
  rules:
  - {alert: Up, expr: other_up == 2}
"""


def group(name, series, *tests, **more):
    """One test group: series by their text; each test a time with what fires, or an expression with samples."""
    alerts = [
        {
            "eval_time": at,
            "alertname": what,
            "exp_alerts": [{"exp_labels": own, "exp_annotations": said} for own, said in wanted],
        }
        for at, what, wanted in tests
        if not isinstance(wanted, dict)
    ]
    exprs = [
        {
            "expr": what,
            "eval_time": at,
            "exp_samples": [
                {"labels": own, "histogram" if isinstance(value, str) else "value": value}
                for own, value in wanted.items()
            ],
        }
        for at, what, wanted in tests
        if isinstance(wanted, dict)
    ]
    inputs = [{"series": each, "values": values} for each, values in series.items()]
    return {
        "name": name,
        "interval": "1m",
        "input_series": inputs,
        "alert_rule_test": alerts,
        "promql_expr_test": exprs,
        **more,
    }


A = {"instance": "a", "job": "api"}
UP = 'up{job="api",instance="a"}'
UP_B = 'up{job="api",instance="b"}'
DOWN = ({**A, "severity": "page"}, {"summary": "a of api is 0"})


GROUPS = [
    group("fires at once", {UP: "1x5"}, ("0m", "Up", [(A, {})]), ("5m", "Up", [(A, {})])),
    group("fires at once, wrongly expected quiet", {UP: "1x5"}, ("0m", "Up", [])),
    group("for is not over", {UP: "0x10"}, ("1m", "Down", []), ("1m59s", "Down", [])),
    group("for is over", {UP: "0x10"}, ("2m", "Down", [DOWN])),
    group("for is over, annotation missing", {UP: "0x10"}, ("2m", "Down", [(DOWN[0], {})])),
    group("for is over, label missing", {UP: "0x10"}, ("2m", "Down", [(A, DOWN[1])])),
    group("an empty annotation", {UP: "0"}, ("0m", "EmptyNote", [(A, {"summary": ""})])),
    group("an empty annotation that is not expected", {UP: "0"}, ("0m", "EmptyNote", [(A, {})])),
    group("an empty annotation that there is not", {UP: "1"}, ("0m", "Up", [(A, {"summary": ""})])),
    group("an empty label is never there", {UP: "0"}, ("0m", "EmptyNote", [({**A, "gone": ""}, {"summary": ""})])),
    group("for starts anew after a gap", {UP: "0 1 0 0 0"}, ("2m", "Down", []), ("3m", "Down", []), ("4m", "Down", [DOWN])),
    group("for starts anew after staleness", {UP: "0 0 stale 0 0 0"}, ("2m", "Down", []), ("4m", "Down", []), ("5m", "Down", [DOWN])),
    group("a missing sample is looked back over", {UP: "0 0 _ _ 0"}, ("3m", "Down", [DOWN])),
    group("a missing sample, expected to end it", {UP: "0 0 _ _ 0"}, ("3m", "Down", [])),
    group("staleness resolves", {UP: "0 0 0 stale"}, ("2m", "Down", [DOWN]), ("3m", "Down", [])),
    group("lookback ends after five minutes", {UP: "0 0 0"}, ("6m", "Down", [DOWN]), ("7m", "Down", [])),
    group("two instances", {UP: "0x5", UP_B: "1x2 0x5"}, ("3m", "Down", [DOWN]), ("6m", "Down", [DOWN, ({**A, "instance": "b", "severity": "page"}, {"summary": "b of api is 0"})])),
    group("order of expectation does not matter", {UP: "0x5", UP_B: "0x5"}, ("3m", "Down", [({**A, "instance": "b", "severity": "page"}, {"summary": "b of api is 0"}), DOWN])),
    group("one of two is missing", {UP: "0x5", UP_B: "0x5"}, ("3m", "Down", [DOWN])),
    group("keep_firing_for bridges a recovery", {UP: "0x5 1 1 0 0 1 1 1 1 1"}, ("5m", "DownLong", [(A, {})]), ("7m", "DownLong", [(A, {})]), ("11m", "DownLong", [(A, {})]), ("13m", "DownLong", [])),
    group("keep_firing_for is over", {UP: "0x5 1x10"}, ("8m", "DownLong", [(A, {})]), ("9m", "DownLong", [])),
    group("keep_firing_for does not keep what never fired", {UP: "0x3 1x10"}, ("4m", "DownLong", [])),
    group("keep_firing_for keeps the last value", {UP: "0 1 1 1"}, ("1m", "KeptAtOnce", [(A, {"value": "0"})]), ("3m", "KeptAtOnce", [])),
    group("keep_firing_for, recovered value wrongly expected", {UP: "0 1 1 1"}, ("1m", "KeptAtOnce", [(A, {"value": "1"})])),
    group("keep_firing_for over staleness", {UP: "0 stale"}, ("1m", "KeptAtOnce", [(A, {"value": "0"})]), ("2m", "KeptAtOnce", [(A, {"value": "0"})]), ("3m", "KeptAtOnce", [])),
    group("absent", {"other": "1x5"}, ("0m", "Absent", []), ("1m", "Absent", [({}, {})])),
    group("absent is gone", {UP: "_ _ 1x9"}, ("1m", "Absent", [({}, {})]), ("2m", "Absent", [])),
    group("absent with labels", {UP: "1x5"}, ("0m", "AbsentJob", [({"job": "web"}, {})])),
    group("labels from templates", {UP: "0x5"}, ("0m", "Templated", [({"instance": "a", "kind": "API"}, {})])),
    group("labels from templates, not expanded", {UP: "0x5"}, ("0m", "Templated", [({"instance": "a", "kind": "api"}, {})])),
    group("a rule's label wins", {UP: "0x5"}, ("0m", "Overridden", [({"instance": "a", "job": "other"}, {})])),
    group("a vector of nothing", {}, ("0m", "Scalar", [({}, {})])),
    group("an aggregate", {UP: "0x5", UP_B: "0x5"}, ("0m", "Many", [({"job": "api"}, {"n": "2"})])),
    group("an aggregate below its threshold", {UP: "0x5", UP_B: "1x5"}, ("0m", "Many", [])),
    group("external labels and URL", {UP: "0x5"}, ("0m", "External", [({**A, "c": "eu"}, {"e": "eu http://x.example/prom http://x.example/prom"})]), external_labels={"cluster": "eu"}, external_url="http://x.example/prom"),
    group("no external labels", {UP: "0x5"}, ("0m", "External", [(A, {"e": "  "})])),
    group("queries in annotations", {UP: "0x5", UP_B: "1x5"}, ("0m", "Queried", [(A, {"q": "b,2"})])),
    group("queries in annotations at the time of the evaluation", {UP: "0x5", UP_B: "0 1 1 1"}, ("2m30s", "Queried", [(A, {"q": "b,2"})])),
    group("queries in annotations, wrong", {UP: "0x5", UP_B: "1x5"}, ("0m", "Queried", [(A, {"q": "b,3"})])),
    group("now", {UP: "0x5"}, ("3m", "Now", [(A, {"t": "180 1970-01-01 00:03:00 +0000 UTC"})])),
    group("now, between two evaluations", {UP: "0x5"}, ("3m30s", "Now", [(A, {"t": "180 1970-01-01 00:03:00 +0000 UTC"})])),
    group("now, from a start of its own", {UP: "0x5"}, ("3m", "Now", [(A, {"t": "1.70000018e+09 2023-11-14 22:16:20 +0000 UTC"})]), start_timestamp="1700000000"),
    group("a start as RFC 3339", {UP: "0x5"}, ("1m", "Now", [(A, {"t": "1.70000006e+09 2023-11-14 22:14:20 +0000 UTC"})]), start_timestamp="2023-11-14T22:13:20Z"),
    group("an empty label is no label", {UP: "0x5"}, ("0m", "Broken", [(A, {"b": '<error expanding template: error executing template __alert_Broken: template: __alert_Broken:1:112: executing "__alert_Broken" at <gt $value 1>: error calling gt: incompatible types for comparison>'})])),
    group("recorded series", {UP: "1x5", UP_B: "1x5"}, ("2m", "job:up:sum", {'job:up:sum{job="api",level="job"}': 2})),
    group("recorded series, wrong value", {UP: "1x5"}, ("2m", "job:up:sum", {'job:up:sum{job="api",level="job"}': 2})),
    group("recorded series, wrong labels", {UP: "1x5"}, ("2m", "job:up:sum", {'job:up:sum{job="api"}': 1})),
    group("a recorded series ends with its source", {UP: "1 1 stale"}, ("1m", "job:up:sum", {'job:up:sum{job="api",level="job"}': 1}), ("2m", "job:up:sum", {})),
    group("a rule reads what an earlier one recorded", {UP: "1x5"}, ("0m", "Chain", []), ("1m", "Chain", [({"job": "api", "level": "job"}, {})])),
    group("ALERTS pending, then firing", {UP: "1x5"}, ("0m", "pending", {'pending{alertname="Chain"}': 1}), ("0m", "firing", {}), ("1m", "firing", {'firing{alertname="Chain"}': 1}), ("1m", "pending", {})),
    group("ALERTS itself", {UP: "1x5"}, ("1m", 'ALERTS{alertname="Chain"}', {'ALERTS{alertname="Chain",alertstate="firing",job="api",level="job"}': 1})),
    group("ALERTS ends with its alert", {UP: "1 1 2 2"}, ("1m", 'count(ALERTS{alertname="Chain"})', {"{}": 1}), ("2m", 'ALERTS{alertname="Chain"}', {})),
    group("ALERTS_FOR_STATE is the start", {UP: "2 2 1 1"}, ("3m", "since", {'since{alertname="Chain",job="api",level="job"}': 120})),
    group("an alert on an alert", {UP: "1x5"}, ("1m", "Second", [({"alertstate": "firing", "job": "api", "level": "job"}, {})])),
    group("an alert on an alert that only pends", {UP: "1x5"}, ("0m", "Second", [])),
    group("a rate", {"requests_total": "0+600x10"}, ("5m", "requests:rate5m", {'requests:rate5m{team="core"}': 10})),
    group("a rate above its threshold", {"requests_total": "0+660x10"}, ("5m", "Busy", [({"team": "core"}, {})])),
    group("a rate at its threshold", {"requests_total": "0+600x10"}, ("5m", "Busy", [])),
    group("a counter reset", {"requests_total": "0+660x5 0+660x5"}, ("10m", "Busy", [({"team": "core"}, {})])),
    group("a group's label, and the rule's own", {"requests_total": "0+660x10"}, ("5m", "BusyOwn", [({"team": "mine"}, {})])),
    group("a quantile", {'seconds_bucket{le="1",route="/a"}': "0x10", 'seconds_bucket{le="2",route="/a"}': "0+60x10", 'seconds_bucket{le="+Inf",route="/a"}': "0+60x10"}, ("5m", "Slow", [({"route": "/a", "team": "core"}, {"v": "1.9s"})])),
    group("a quantile that is fine", {'seconds_bucket{le="1",route="/a"}': "0+60x10", 'seconds_bucket{le="+Inf",route="/a"}': "0+60x10"}, ("5m", "Slow", [])),
    group("a share", {"requests_total": "0+100x10", "errors_total": "0+7x10"}, ("5m", "Errors", [({"team": "core"}, {"v": "7%"})])),
    group("a share of nothing", {"requests_total": "0x10", "errors_total": "0x10"}, ("5m", "Errors", [])),
    group("what comes later is not there yet", {"requests_total": "0 0 0 500"}, ("2m", "Delayed", []), ("3m", "Delayed", [({"team": "core"}, {})])),
    group("a query offset looks back", {"gauge": "0 10 0 0"}, ("1m", "Shifted", []), ("3m", "Shifted", [({}, {})]), ("2m", "Shifted", [])),
    group("a query offset, recorded in the past", {"gauge": "1 2 3 4 5"}, ("4m", "shifted", {"shifted": 3}), ("3m", "shifted offset 1m", {"shifted": 1})),
    group("the same name in two groups", {UP: "1x5", 'other_up{job="two"}': "2x5"}, ("0m", "Up", [(A, {}), ({"job": "two"}, {})])),
    group("values up, down, kept", {"gauge": "5-1x3 10x2 -1+0.5x2"}, ("3m", "gauge", {"gauge": 2}), ("6m", "gauge", {"gauge": 10}), ("9m", "gauge", {"gauge": 0})),
    group("infinite", {"gauge": "Inf -Inf"}, ("0m", "gauge", {"gauge": float("inf")}), ("1m", "gauge", {"gauge": float("-inf")})),
    group("not a number is not even itself", {"gauge": "NaN"}, ("0m", "gauge", {"gauge": float("nan")})),
    group("a scalar", {}, ("1m", "time()", {"{}": 60})),
    group("a wrong expression", {}, ("1m", "sum(", {})),
    group("a matrix", {UP: "1"}, ("1m", "up[5m]", {})),
    group("a subquery at the evaluation interval", {"gauge": "0+1x10"}, ("10m", "count_over_time(gauge[5m:])", {"{}": 5})),
    group("sums that differ in the last bit", {"gauge": "0.1+0.1x5"}, ("2m", "gauge", {"gauge": 0.3})),
    group("sums that are the same", {"gauge": "0.1+0.1x5"}, ("2m", "gauge", {"gauge": 0.30000000000000004})),
    group("no series at all", {}, ("0m", "Down", []), ("5m", "up", {})),
    group("an alert that there is no rule for", {UP: "0"}, ("0m", "Nothing", [])),
    group("an alert that there is no rule for, expected", {UP: "0"}, ("0m", "Nothing", [(A, {})])),
]  # fmt: skip


NATIVE = "{{schema:0 sum:5 count:4 z_bucket:1 z_bucket_w:0.001 buckets:[1 0 1] offset:1 n_buckets:[1] n_offset:2}}"
HELD = "{{schema:0 count:4 sum:5 z_bucket:1 z_bucket_w:0.001 counter_reset_hint:not_reset offset:1 buckets:[1 0 1] n_offset:2 n_buckets:[1]}}"
GROWING = "{{schema:0 sum:6 count:4 buckets:[1 2 1]}}+{{schema:0 sum:60 count:60 buckets:[20 20 20]}}x10"
CUSTOM = "{{schema:-53 sum:5 count:4 custom_values:[1 2] buckets:[1 2 1]}}"
SHOWN = "{count:4, sum:5, [-4,-2):1, [-0.001,0.001]:1, (1,2]:1, (4,8]:1}"

NATIVE_GROUPS = [
    group("a histogram", {"h": f"{NATIVE}x5"}, ("1m", "h", {"h": HELD})),
    group("a histogram, its hint not said", {"h": f"{NATIVE}x5"}, ("1m", "h", {"h": NATIVE})),
    group("the first histogram has no hint", {"h": f"{NATIVE}x5"}, ("0m", "h", {"h": NATIVE})),
    group("a histogram, wrong sum", {"h": NATIVE}, ("0m", "h", {"h": NATIVE.replace("sum:5", "sum:6")})),
    group("a histogram, wrong bucket", {"h": NATIVE}, ("0m", "h", {"h": NATIVE.replace("[1 0 1]", "[1 1 1]")})),
    group("a histogram, a number expected", {"h": NATIVE}, ("0m", "h", {"h": 0})),
    group("a number, a histogram expected", {"h": "0"}, ("0m", "h", {"h": "{{}}"})),
    group("empty buckets at the ends do not count", {"h": "{{count:1 sum:1 buckets:[0 0 1 0]}}"}, ("0m", "h", {"h": "{{count:1 sum:1 offset:2 buckets:[1]}}"})),
    group("the empty histogram", {"h": "{{}}"}, ("0m", "h", {"h": "{{}}"})),
    group("more than one expected", {"h": "{{}}"}, ("0m", "h", {"h": "{{}} {{}}"})),
    group("no histogram expected by a number's text", {"h": "{{}}"}, ("0m", "h", {"h": "1"})),
    group("custom buckets", {"h": f"{CUSTOM}+{CUSTOM}x3"}, ("2m", "h", {"h": "{{schema:-53 count:12 sum:15 custom_values:[1 2] counter_reset_hint:not_reset buckets:[3 6 3]}}"})),
    group("a step down is a reset, of which no hint tells", {"h": "{{count:9 sum:9 buckets:[9]}}-{{count:3 sum:3 buckets:[3]}}x2"}, ("1m", "h", {"h": "{{count:6 sum:6 buckets:[6]}}"}), ("2m", "resets(h[3m])", {"{}": 2})),
    group("a gauge stays one", {"h": "{{count:9 sum:9 counter_reset_hint:gauge buckets:[9]}}x3"}, ("1m", "h", {"h": "{{count:9 sum:9 counter_reset_hint:gauge buckets:[9]}}"})),
    group("a histogram ends", {"h": f"{NATIVE} {NATIVE} stale"}, ("1m", "h", {"h": HELD}), ("2m", "h", {})),
    group("numbers, gaps and histograms in turns", {"h": f"1 _ {NATIVE} 2 {NATIVE}x1"}, ("1m", "h", {"h": 1}), ("3m", "h", {"h": 2}), ("5m", "histogram_count(h)", {"{}": 4})),
    group("count, sum, average", {"h": GROWING}, ("5m", "histogram_count(h)", {"{}": 304}), ("5m", "histogram_sum(h)", {"{}": 306}), ("5m", "histogram_avg(h) > 1", {"{}": 306 / 304})),
    group("count, wrong", {"h": GROWING}, ("5m", "histogram_count(h)", {"{}": 300})),
    group("a quantile of a histogram", {"h": GROWING}, ("5m", "round(histogram_quantile(0.5, h), 0.001)", {"{}": 1.414})),
    group("a quantile of a histogram, wrong", {"h": GROWING}, ("5m", "histogram_quantile(0.5, h)", {"{}": 1.5})),
    group("a fraction", {"h": GROWING}, ("5m", "histogram_fraction(0, 1, h)", {"{}": 101 / 304})),
    group("a difference below zero", {"h": "{{count:1 sum:1 buckets:[1]}}", "g": "{{count:3 sum:3 buckets:[3]}}"}, ("0m", "h - ignoring(x) g", {"{}": "{{count:-2 sum:-2 counter_reset_hint:gauge buckets:[-2]}}"})),
    group("a rate, recorded", {"latency": GROWING}, ("5m", "seconds:rate", {"seconds:rate": "{{schema:0 count:1 sum:1 counter_reset_hint:gauge buckets:[0.3333333333333333 0.3333333333333333 0.3333333333333333]}}"})),
    group("a rate, recorded, and used", {"latency": GROWING}, ("5m", "histogram_count(seconds:rate)", {"{}": 1})),
    group("a recorded histogram ends", {"latency": f"{GROWING} stale"}, ("20m", "seconds:rate", {})),
    group("an alert on a quantile", {"latency": GROWING}, ("5m", "Latency", [({}, {"v": "3.249s"})])),
    group("an alert on a histogram", {"latency": NATIVE}, ("0m", "Raw", [({"q": SHOWN}, {"v": f"{SHOWN} 4 5", "q": SHOWN, "t": f"*histogram.FloatHistogram {SHOWN}"})])),
    group("an alert on a histogram, shown otherwise", {"latency": NATIVE}, ("0m", "Raw", [({"q": SHOWN}, {"v": "4 5", "q": SHOWN, "t": ""})])),
    group("a custom histogram as text", {"latency": CUSTOM}, ("0m", "Raw", [({"q": "{count:4, sum:5, [-Inf,1]:1, (1,2]:2, (2,+Inf]:1}"}, {})])),
]  # fmt: skip

NATIVE_FAILURES = [
    "a histogram, its hint not said",
    "a histogram, wrong sum",
    "a histogram, wrong bucket",
    "a histogram, a number expected",
    "a number, a histogram expected",
    "more than one expected",
    "no histogram expected by a number's text",
    "count, wrong",
    "a quantile of a histogram, wrong",
    "an alert on a histogram, shown otherwise",
    "a custom histogram as text",
]

NOTATIONS = (
    "{{schema:1 count:1}}", "{{schema:1 count:1 }}", "{{ schema:1 }}", "{{schema:1  count:1}}", "{{schema: 1}}", "{{}}x3", "{{}}+{{}}x3",
    "{{}}-{{}}", "{{}}+{{}}", "{{foo:1}}", "{{schema:1 schema:2}}", "{{schema:1.5}}", "{{schema:-4}}", "{{schema:-5}}", "{{schema:9}}",
    "{{schema:-53 custom_values:[2 1]}}", "{{schema:-53 custom_values:[1 2] buckets:[1 1 1 1]}}", "{{schema:-53 custom_values:[1] n_buckets:[1]}}",
    "{{schema:-53 custom_values:[1] z_bucket:1}}", "{{count:1 buckets:[1,2]}}", "{{buckets:[]}}", "{{buckets:[ 1]}}", "{{buckets:[1 ]}}",
    "{{buckets:[1  2]}}", "{{count:-1}}", "{{buckets:[-1]}}", "{{sum:-1}}", "{{sum:NaN}}", "{{sum:Inf}}", "{{sum:-Inf}}", "{{sum:1e3}}", "{{sum:0x10}}",
    "{{sum:.5}}", "{{offset:-3 buckets:[1]}}", "{{offset:+3 buckets:[1]}}", "{{offset:1.0}}", "{{counter_reset_hint:gauge}}", "{{counter_reset_hint:foo}}",
    "{{counter_reset_hint:not_reset}}", "{{counter_reset_hint:unknown}}", "{{schema:1}}+{{schema:0}}x2", "{{schema:0}}+{{schema:1}}x2",
    "{{schema:-53 custom_values:[1]}}+{{schema:0}}x2", "{{schema:0}}+{{schema:-53 custom_values:[1]}}x2", "{{count:1}} 1 stale _ {{count:2}}", "{{count:1}}{{count:2}}",
    "{{count:1", "count:1}}", "{{count:1}}x", "{{count:1}}x-1", "{{count:1}} x2", "{{count:1 sum}}", "{{custom_values:[1 2]}}", "{{z_bucket_w:-1}}", "{{COUNT:1}}",
    "{{count:inf}}", "{{sum:nan}}", "{{buckets:[1 Inf NaN]}}", "{{buckets:[-Inf]}}", "{{sum:1.}}",
    "{{sum:+1}}", "{{sum:1e+3}}", "{{counter_reset_hint:GAUGE}}", "{{z_bucket:-1}}", "{{z_bucket_w:Inf}}", "{{sum:infx}}", "{{buckets:[1e3 .5]}}",
)  # fmt: skip


async def test_native_histograms_have_the_verdict_that_promtool_gives(tmp_path):
    file = written(tmp_path, NATIVE_GROUPS)
    promtool(tmp_path, file)
    report = await run_file(file)
    theirs = verdicts((tmp_path / "junit.xml").read_text())
    ours = {case.name: not case.failures for case in report.cases}
    assert {name: ok for name, ok in ours.items() if ok != theirs[name]} == {}, shown(report)
    assert len(ours) == len(theirs), shown(report)
    assert [name for name, ok in ours.items() if not ok] == NATIVE_FAILURES


async def test_the_notation_of_native_histograms_is_what_promtool_reads(tmp_path):
    groups = [group(text, {"h": text}, ("5m", "vector(1)", {"{}": 1})) for text in NOTATIONS]
    file = written(tmp_path, groups)
    promtool(tmp_path, file)
    report = await run_file(file)
    theirs = verdicts((tmp_path / "junit.xml").read_text())
    ours = {case.name: not case.failures for case in report.cases}
    assert {name: ok for name, ok in ours.items() if ok != theirs[name]} == {}, shown(report)


def verdicts(xml: str) -> dict[str, bool]:
    return {case.attrib["name"]: case.find("failure") is None for case in ET.fromstring(xml).iter("testcase")}


def promtool(tmp_path, *arguments) -> subprocess.CompletedProcess[str]:
    command = [require("promtool"), "test", "rules", f"--junit={tmp_path / 'junit.xml'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def written(tmp_path, groups, rules=RULES, **more):
    (tmp_path / "rules.yaml").write_text(rules)
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": groups, **more}))
    return file


async def test_every_group_has_the_verdict_that_promtool_gives(tmp_path):
    file = written(tmp_path, GROUPS)
    told = promtool(tmp_path, file)
    report = await run_file(file)
    ours = {case.name: not case.failures for case in report.cases}
    theirs = verdicts((tmp_path / "junit.xml").read_text())
    assert len(ours) == len(GROUPS) == len(theirs)
    assert {name: ok for name, ok in ours.items() if ok != theirs[name]} == {}, shown(report)
    assert sum(ours.values()) == sum(theirs.values())
    assert told.returncode == 1
    assert report.is_success is False


async def test_fuzzy_comparison_forgives_the_last_bit(tmp_path):
    chosen = [each for each in GROUPS if each["name"].startswith("sums that")]
    file = written(tmp_path, chosen, fuzzy_compare=True)
    assert promtool(tmp_path, file).returncode == 0
    assert (await run_file(file)).is_success is True


@pytest.mark.parametrize(
    "rules",
    [
        "groups: [{name: g, limit: 1, rules: [{alert: A, expr: up == 0}]}]",
        "groups: [{name: g, rules: [{record: r, expr: up, labels: {instance: x}}]}]",
        "groups: [{name: g, rules: [{alert: A, expr: up == 0, labels: {instance: x}}]}]",
        "groups: [{name: g, rules: [{record: r, expr: 'up * on (job) up'}]}]",
        "groups: [{name: g, rules: [{record: r, expr: 'sum by (job'}]}]",
        "groups: [{name: g}, {name: g}]",
        "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]",
    ],
)
async def test_rules_that_fail_fail_with_promtool_too(rules, tmp_path):
    file = written(tmp_path, [group("two", {UP: "0x5", UP_B: "0x5"}, ("1m", "Nothing", []))], rules)
    told = promtool(tmp_path, file)
    report = await run_file(file)
    assert (0 if report.is_success else 1) == told.returncode, shown(report) + told.stderr


@pytest.mark.parametrize(
    "text",
    [
        "tests: [{nothing: 1}]",
        "nothing: 1",
        "tests: [{input_series: [{series: 'up{', values: '1'}], promql_expr_test: [{expr: up, eval_time: 1m}]}]",
        "tests: [{input_series: [{series: up, values: '1 x'}], promql_expr_test: [{expr: up, eval_time: 1m}]}]",
        "tests: [{alert_rule_test: [{eval_time: 1m}]}]",
        "group_eval_order: [a, a]",
        "tests: [{promql_expr_test: [{expr: up, eval_time: soon}]}]",
        "rule_files: [missing-*.yaml]\ntests: []",
        "tests: []",
        "",
    ],
)
async def test_files_that_are_wrong_are_wrong_for_promtool_too(text, tmp_path):
    file = tmp_path / "tests.yaml"
    file.write_text(text)
    told = promtool(tmp_path, file)
    report = await run_file(file)
    assert (0 if report.is_success else 1) == told.returncode, shown(report) + told.stderr


async def test_the_order_of_groups_can_be_said(tmp_path):
    rules = "groups: [{name: b, rules: [{record: two, expr: one}]}, {name: a, rules: [{record: one, expr: up}]}]"
    tests = [group("order", {UP: "1x5"}, ("0m", "two", {'two{job="api",instance="a"}': 1}))]
    file = written(tmp_path, tests, rules, group_eval_order=["a", "b"])
    assert promtool(tmp_path, file).returncode == 0
    assert (await run_file(file)).is_success is True


async def test_only_groups_whose_name_matches_are_run(tmp_path):
    file = written(tmp_path, GROUPS[:5])
    assert [case.name for case in (await run_file(file, "wrongly")).cases] == ["fires at once, wrongly expected quiet"]


async def test_the_report_says_what_was_expected_and_what_came(tmp_path):
    report = await run_file(written(tmp_path, [GROUPS[1]]))
    assert shown(report) == (
        "  FAILED:\n    name: fires at once, wrongly expected quiet,\n    alertname: Up, time: 0s,\n        exp: none\n"
        '        got: \n            Labels: {alertname="Up", instance="a", job="api"}\n            Annotations: {}\n'
    )
    (suite,) = ET.fromstring(junit([report]))
    assert suite.get("tests") == "1"
    assert suite.get("failures") == "1"
    assert suite.get("errors") == "0"


@pytest.mark.parametrize(
    "values",
    [
        "1x" + "9" * 5000,
        "_x" + "9" * 5000,
        "0x" + "f" * 5000,
        "{{schema:1 buckets:[1]}}x" + "9" * 5000,
        "{{schema:" + "9" * 5000 + "}}",
        "{{schema:1 buckets:[1] offset:2147483647}}+{{schema:1 buckets:[1] offset:-2147483647}}x3",
    ],
)
def test_values_of_absurd_size_are_told_at_once(values):
    with pytest.raises(EvaluatorError):
        parse_values(values)
