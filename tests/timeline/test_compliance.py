"""Prometheus' alert generator compliance rules, on a hand-moved clock, as its own HTTP API tells them.

Source: github.com/prometheus/compliance, alert_generator/specification.md, "Executing an Alerting Rule" and "APIs to
Support", with the situations of its test suite; "Sending Alerts to Alertmanager" stands in `test_resends`. Nothing
tells the evaluator of new samples here, so that groups run at their interval alone, as Prometheus' do; what runs
earlier is ours, and has tests of its own.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from alertlife.timeline import Timeline, timeline
from lapbell_evaluator.api import Access, Answers, Services, Targets, prometheus
from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.model import Tokens
from lapbell_evaluator.series import ExemplarRing
from lapbell_evaluator.service import DeadLetters, TraceLibrary

SAMPLED_EVERY_S = 15
INTERVAL_S = 30

Steps = Mapping[int, float | None]
"""A value from each second on; None is no sample any more."""


@dataclass(frozen=True)
class Generator:
    """An evaluator on the clock of a test, and Prometheus' API in front of it."""

    line: Timeline
    client: httpx.AsyncClient

    async def get(self, path: str, **params: str) -> Any:
        answer = await self.client.get(f"/api/v1/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def lives(self, until: int, **series: Steps) -> AsyncIterator[int]:
        """Samples of `load{of="<series>"}` every 15 s; yields the time after every evaluation."""
        for at in range(0, until + 1, SAMPLED_EVERY_S):
            for of, steps in series.items():
                value = steps[max(each for each in steps if each <= at)]
                if value is not None:
                    self.line.push(at, "load", value, of=of)
            await self.line.at(at)
            if at % INTERVAL_S == 0:
                yield at

    async def alerts(self) -> list[tuple[str, str, str, float]]:
        """Name, series, state and when it became active."""
        return [
            (own["labels"]["alertname"], own["labels"].get("of", ""), own["state"], seconds(own["activeAt"]))
            for own in (await self.get("alerts"))["alerts"]
        ]

    async def series(self, query: str) -> list[tuple[str, float, float]]:
        """State (empty for `ALERTS_FOR_STATE`), time and value of each series."""
        result = (await self.get("query", query=query))["result"]
        return [(each["metric"].get("alertstate", ""), each["value"][0], float(each["value"][1])) for each in result]

    async def changes(self, until: int, **series: Steps) -> list[tuple[int, Any]]:
        """The alerts, whenever they are others than before."""
        found: list[tuple[int, Any]] = [(-1, [])]
        async for at in self.lives(until, **series):
            alerts = await self.alerts()
            if alerts != found[-1][1]:
                found.append((at, alerts))
        return found[1:]


class Ready:
    def unready(self) -> None:
        return None

    def unhealthy(self) -> None:
        return None


async def no_reload(_: str) -> None:
    raise NotImplementedError


def services(line: Timeline) -> Services:
    """What Prometheus' routes ask is the timeline's; the rest is idle."""
    traces = RecentTraces()
    nothing: Any = None
    return Services(
        version="test",
        started_at=line.clock.now(),
        access=Access(Tokens(()), allow_loopback=True),
        clock=line.clock,
        querier=line.engine,
        answers=Answers(),
        alerts=line.alert_service,
        dead_letters=DeadLetters(line.database, line.clock),
        links=nothing,
        traces=traces,
        trace_library=TraceLibrary(traces, line.database.traces),
        exemplars=ExemplarRing(),
        metadata=line.store.metadata,
        readiness=Ready(),
        readings=tuple,
        reload=no_reload,
        targets=lambda: Targets(0.5, 2.0),
        trace_url=None,
    )


@asynccontextmanager
async def generator(folder: Path, rules: str) -> AsyncIterator[Generator]:
    async with timeline(folder, rules) as line:
        app = FastAPI()
        app.include_router(prometheus.router(services(line)))
        gate = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=gate, base_url="http://127.0.0.1", timeout=60) as client:
            yield Generator(line, client)


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def group(rules: str, name: str = "g", interval: str = "30s") -> str:
    return f"- name: {name}\n  interval: {interval}\n  rules:\n{rules}"


def groups(*texts: str) -> str:
    return "groups:\n" + "\n".join(texts)


HELD = """
  - alert: Held
    expr: load > 10
    for: 3m
    labels: {team: web}
    annotations: {summary: "The value is {{$value}} {{.Value}}"}
"""


async def test_an_alert_fires_once_for_has_passed_ends_with_its_condition_and_begins_anew(tmp_path):
    async with generator(tmp_path, groups(group(HELD))) as made:
        assert await made.changes(1200, a={0: 9, 120: 11, 600: 9, 720: 11}) == [
            (120, [("Held", "a", "pending", 120)]),
            (300, [("Held", "a", "firing", 120)]),
            (600, []),
            (720, [("Held", "a", "pending", 720)]),
            (900, [("Held", "a", "firing", 720)]),
        ]


async def test_an_alert_whose_condition_clears_while_it_is_pending_never_fires_and_waits_anew(tmp_path):
    async with generator(tmp_path, groups(group(HELD))) as made:
        assert await made.changes(420, a={0: 11, 150: 9, 240: 11, 390: 9}) == [
            (0, [("Held", "a", "pending", 0)]),
            (150, []),
            (240, [("Held", "a", "pending", 240)]),
            (390, []),
        ]
        assert "firing" not in {each.state for each in made.line.told}


async def test_new_alerts_of_a_rule_do_not_touch_those_that_it_has(tmp_path):
    async with generator(tmp_path, groups(group(HELD))) as made:
        assert await made.changes(600, a={0: 11, 480: 9}, b={0: 9, 240: 11, 540: 9}) == [
            (0, [("Held", "a", "pending", 0)]),
            (180, [("Held", "a", "firing", 0)]),
            (240, [("Held", "a", "firing", 0), ("Held", "b", "pending", 240)]),
            (420, [("Held", "a", "firing", 0), ("Held", "b", "firing", 240)]),
            (480, [("Held", "b", "firing", 240)]),
            (540, []),
        ]


async def test_without_for_an_alert_fires_at_once_and_with_less_than_an_interval_at_the_next_evaluation(tmp_path):
    rules = """
  - {alert: AtOnce, expr: load > 10}
  - {alert: Soon, expr: load > 13, for: 15s}
"""
    async with generator(tmp_path, groups(group(rules))) as made:
        assert await made.changes(300, a={0: 9, 60: 15, 150: 11, 240: 9}) == [
            (60, [("AtOnce", "a", "firing", 60), ("Soon", "a", "pending", 60)]),
            (90, [("AtOnce", "a", "firing", 60), ("Soon", "a", "firing", 60)]),
            (150, [("AtOnce", "a", "firing", 60)]),
            (240, []),
        ]


async def test_an_alert_ends_when_there_is_no_more_data(tmp_path):
    async with generator(tmp_path, groups(group("  - {alert: AtOnce, expr: load > 10}"))) as made:
        assert await made.changes(600, a={0: 11, 120: None}) == [(0, [("AtOnce", "a", "firing", 0)]), (420, [])]


async def test_values_and_annotations_of_pending_and_of_firing_alerts_are_those_of_the_last_evaluation(tmp_path):
    async with generator(tmp_path, groups(group(HELD))) as made:
        found = {}
        async for at in made.lives(300, a={0: 11, 90: 15, 240: 19.5}):
            (alert,) = (await made.get("alerts"))["alerts"]
            found[at] = (alert["state"], alert["value"], alert["annotations"])
        assert {at: found[at] for at in (60, 90, 180, 240)} == {
            60: ("pending", "11", {"summary": "The value is 11 11"}),
            90: ("pending", "15", {"summary": "The value is 15 15"}),
            180: ("firing", "15", {"summary": "The value is 15 15"}),
            240: ("firing", "19.5", {"summary": "The value is 19.5 19.5"}),
        }


async def test_active_alerts_are_series_from_their_first_evaluation_to_their_last(tmp_path):
    async with generator(tmp_path, groups(group(HELD))) as made:
        found, marks = [], {}
        async for at in made.lives(300, a={0: 9, 30: 11, 270: 9}):
            found.extend(await made.series("ALERTS"))
            marks[at] = await made.series("ALERTS_FOR_STATE")
        pending = [("pending", at, 1) for at in range(30, 210, 30)]
        assert found == [*pending, ("firing", 210, 1), ("firing", 240, 1)]
        assert marks == {at: [("", at, 30)] if 30 <= at < 270 else [] for at in range(0, 301, 30)}


async def test_a_series_has_the_labels_of_its_alert_and_no_others(tmp_path):
    async with generator(tmp_path, groups(group(HELD))) as made:
        await made.changes(30, a={0: 11})
        own = {"alertname": "Held", "of": "a", "team": "web"}
        told = [each["metric"] for each in (await made.get("query", query='{alertname="Held"}'))["result"]]
        assert told == [
            {"__name__": "ALERTS", "alertstate": "pending", **own},
            {"__name__": "ALERTS_FOR_STATE", **own},
        ]


async def test_later_rules_of_a_group_see_the_alerts_of_earlier_ones_in_the_same_evaluation(tmp_path):
    """Templates see the labels of the result, the alert has those of the rule, the series the state of its alert."""
    both = """
  - alert: Both
    expr: sum without (of) (ALERTS{alertname="Held", alertstate="firing"}) == 2
    labels: {team: all}
    annotations: {summary: "{{$labels.alertname}} of {{.Labels.team}} is {{$labels.alertstate}}"}
  - {alert: Late, expr: 'ALERTS{alertname="Both"}', for: 1m}
"""
    async with generator(tmp_path, groups(group(HELD + both))) as made:
        changes = await made.changes(300, a={0: 11}, b={0: 9, 60: 11})
        (told,) = [each for each in (await made.get("alerts"))["alerts"] if each["labels"]["alertname"] == "Both"]
        states = {
            each["metric"]["alertname"]: each["metric"]["alertstate"]
            for each in (await made.get("query", query='ALERTS{team="all"}'))["result"]
        }
    assert [at for at, alerts in changes if any(each[0] == "Both" for each in alerts)] == [240, 300]
    assert told["labels"] == {"alertname": "Both", "alertstate": "firing", "team": "all"}
    assert told["annotations"] == {"summary": "Held of web is firing"}
    assert told["value"] == "2"
    assert states == {"Both": "firing", "Late": "firing"}


async def test_labels_of_the_rule_are_templates_and_override_those_of_the_result(tmp_path):
    rules = """
  - alert: Named
    expr: label_replace(load, "alertname", "other", "", "") > 10
    labels: {of: '{{ if gt $value 20.0 }}many{{ else }}few{{ end }} of {{ $labels.of }}'}
"""
    async with generator(tmp_path, groups(group(rules))) as made:
        await made.changes(0, a={0: 11}, b={0: 21})
        labels = [each["labels"] for each in (await made.get("alerts"))["alerts"]]
    assert labels == [{"alertname": "Named", "of": "few of a"}, {"alertname": "Named", "of": "many of b"}]


async def test_templates_have_the_functions_of_the_reference(tmp_path):
    texts = {
        "numbers": "{{humanize 2097152}} {{humanize1024 2097152}} {{humanizePercentage 0.251}}",
        "times": '{{humanizeTimestamp 1600000000}} {{humanizeDuration 200.5}} {{parseDuration "1h1m5s"}}',
        "strings": '{{title "one two"}} {{toUpper "up"}} {{toLower "DOWN"}} {{stripPort "[::1]:80"}}',
        "patterns": '{{if match "^[a-z]+$" "abc"}}{{reReplaceAll "(b)" "<$1>" "abc"}}{{end}}'
        '{{if match "^b" "abc"}}no{{end}}',
        "queries": '{{define "t"}}{{.arg0}} {{.arg1}}:{{range query "load" | sortByLabel "of"}} '
        '{{. | label "of"}}={{. | value}}{{end}}{{end}}{{template "t" (args "all" 7)}}'
        """{{with query "load{of='b'}"}}, {{. | first | value}}{{end}}""",
    }
    rules = "  - alert: Told\n    expr: load{of='a'} > 10\n    annotations:\n" + "\n".join(
        f"      {name}: |-\n        {text}" for name, text in texts.items()
    )
    async with generator(tmp_path, groups(group(rules))) as made:
        await made.changes(0, a={0: 11}, b={0: 21})
        (told,) = (await made.get("alerts"))["alerts"]
    assert told["annotations"] == {
        "numbers": "2.097M 2Mi 25.1%",
        "times": "2020-09-13 12:26:40 +0000 UTC 3m 20s 3665",
        "strings": "One Two UP down ::1",
        "patterns": "a<b>c",
        "queries": "all 7: a=11 b=21, 21",
    }


async def test_two_alerts_with_the_same_labels_are_an_error_of_their_rule_alone_and_nobody_is_told(tmp_path):
    """The specification writes no `ALERTS` then. Ours go on as long as the alert does, which no error ends."""
    rules = """
  - {alert: Twice, expr: load > 10, labels: {of: all}}
  - {alert: Fine, expr: load > 10}
"""
    async with generator(tmp_path, groups(group(rules))) as made:
        changes = await made.changes(60, a={0: 9, 30: 11}, b={0: 11})
        twice, fine = (await made.get("rules"))["groups"][0]["rules"]
        written = await made.series('timestamp(ALERTS{alertname="Twice"})')
        told = [(each.at, dict(each.incident.labels)["alertname"]) for each in made.line.told]
    assert changes == [
        (0, [("Twice", "all", "firing", 0), ("Fine", "b", "firing", 0)]),
        (30, [("Twice", "all", "firing", 0), ("Fine", "a", "firing", 30), ("Fine", "b", "firing", 0)]),
    ]
    assert twice["health"] == "err"
    assert "same labels" in twice["lastError"]
    assert fine["health"] == "ok"
    assert "lastError" not in fine
    assert written == [("firing", 60, 60)]
    assert told == [(0, "Twice"), (0, "Fine"), (30, "Fine")]


async def test_groups_and_rules_are_told_as_they_are_written_with_the_worst_state_of_their_alerts(tmp_path):
    other = "  - {alert: Never, expr: load > 99}\n  - {record: double, expr: load * 2}"
    async with generator(tmp_path, groups(group(HELD), group(other, "h", "45s"))) as made:
        await made.changes(210, a={0: 11}, b={0: 9, 120: 11})
        first, second = (await made.get("rules"))["groups"]
        told = (await made.get("alerts"))["alerts"]
    (held,), (never, double) = first.pop("rules"), second.pop("rules")
    assert [(each["name"], each["interval"], seconds(each["lastEvaluation"])) for each in (first, second)] == [
        ("g", 30, 210),
        ("h", 45, 180),
    ]
    assert [each["state"] for each in held["alerts"]] == ["firing", "pending"]
    assert held.pop("alerts") == told
    assert {name: held[name] for name in ("type", "name", "query", "duration", "health", "state", "labels")} == {
        "type": "alerting",
        "name": "Held",
        "query": "load > 10",
        "duration": 180,
        "health": "ok",
        "state": "firing",
        "labels": {"team": "web"},
    }
    assert held["annotations"] == {"summary": "The value is {{$value}} {{.Value}}"}
    assert never["state"] == "inactive"
    assert never["alerts"] == []
    assert double["type"] == "recording"
