"""Alertmanager's API, by its own client."""

import asyncio
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx
import jsonschema
import pytest
import yaml

from evaluator_kit import evaluator, feed, firing
from peers import prometheus, require

SHARED = Path(__file__).parents[3].parent / "shared/data/alertmanager-openapi.yaml"
MATCHER = "alertname=WebhookErrorRate"


@dataclass
class Stand:
    """A fed evaluator, and amtool with its admin token."""

    client: httpx.AsyncClient
    rest: str
    folder: Path

    async def amtool(self, *arguments: str) -> str:
        token = (self.folder / "admin.token").read_text().strip()
        config = self.folder / "http.yml"
        config.write_text(json.dumps({"authorization": {"type": "Bearer", "credentials": token}}))
        command = [str(require("amtool")), f"--alertmanager.url=http://{self.rest}", f"--http.config.file={config}"]
        answer = await asyncio.to_thread(
            subprocess.run, [*command, *arguments], capture_output=True, text=True, timeout=30, check=False
        )
        assert answer.returncode == 0, answer.stderr + answer.stdout
        return answer.stdout


@pytest.fixture
async def stand(tmp_path):
    async with evaluator(tmp_path) as (client, addresses):
        await feed(client, addresses)
        await firing(client, "WebhookErrorRate")
        yield Stand(client, addresses.rest, tmp_path)


async def test_amtool_lists_alerts_by_matcher(stand):
    listed = json.loads(await stand.amtool("alert", "query", MATCHER, "-o", "json"))
    assert [(alert["labels"]["job"], alert["status"]["state"]) for alert in listed] == [("bot", "active")]


async def test_amtool_makes_shows_changes_and_ends_a_silence(stand):
    key = (await stand.amtool("silence", "add", MATCHER, "-c", "known", "-a", "ann", "-d", "1h")).strip()
    muted = json.loads(await stand.amtool("alert", "query", MATCHER, "-o", "json", "--silenced"))
    await stand.amtool("silence", "update", key, "-c", "still known", "-d", "2h")
    shown = json.loads(await stand.amtool("silence", "query", "-o", "json"))
    await stand.amtool("silence", "expire", *(each["id"] for each in shown))
    left = json.loads(await stand.amtool("silence", "query", "-o", "json"))
    assert [alert["status"]["silencedBy"] for alert in muted] == [[key]]
    assert [(each["createdBy"], each["comment"], each["status"]["state"]) for each in shown] == [
        ("ann", "still known", "active")
    ]
    assert left == []


async def test_amtool_imports_silences(stand):
    await stand.amtool("silence", "add", MATCHER, "-c", "x", "-a", "ann")
    exported = stand.folder / "silences.json"
    exported.write_text(await stand.amtool("silence", "query", "-o", "json"))
    await stand.amtool("silence", "import", "--force", str(exported))
    assert json.loads(await stand.amtool("silence", "query", "-o", "json"))[0]["comment"] == "x"


async def test_amtool_reads_the_configuration_and_the_cluster(stand):
    told = await stand.amtool("config", "show"), await stand.amtool("cluster", "show")
    assert "receiver: lapbell" in told[0]
    assert "disabled" in told[1]


def schema(name: str) -> dict:
    if not SHARED.exists():
        pytest.skip("Alertmanager's API description is not beside this checkout")
    text = SHARED.read_text().replace("#/definitions/", "#/$defs/")
    return {"$ref": f"#/$defs/{name}", "$defs": yaml.safe_load(text)["definitions"]}


@pytest.mark.parametrize(
    ("path", "definition"),
    [
        ("/api/v2/status", "alertmanagerStatus"),
        ("/api/v2/alerts", "gettableAlerts"),
        ("/api/v2/alerts/groups", "alertGroups"),
        ("/api/v2/silences", "gettableSilences"),
    ],
)
async def test_answers_fit_alertmanagers_own_description(stand, path, definition):
    await stand.amtool("silence", "add", "job=other", "-c", "x", "-a", "ann")
    answer = (await stand.client.get(path)).json()
    jsonschema.validate(answer, schema(definition))
    assert answer


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"matchers": []}, 400),
        ("text", 400),
        ({"matchers": [{"name": "a", "value": "(", "isRegex": True}]}, 400),
        ({"matchers": [{"name": "a", "value": "b", "isRegex": False}], "endsAt": "2001-01-01T00:00:00Z"}, 400),
        ({"matchers": [{"name": "a", "value": "b", "isRegex": False}], "id": "no-such-silence"}, 404),
        ({"matchers": [{"name": "a", "value": "b", "isRegex": False}], "id": "i" * 101}, 400),
        ({"matchers": [{"name": "a", "value": "b", "isRegex": False}] * 65}, 400),
    ],
)
async def test_wrong_silences_are_refused_with_a_reason(stand, body, status):
    token = (stand.folder / "admin.token").read_text().strip()
    whole = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z", "createdBy": "a", "comment": "b"}
    sent = {**whole, **body} if isinstance(body, dict) else body
    answer = await stand.client.post("/api/v2/silences", json=sent, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status
    assert isinstance(answer.json(), str)


async def test_the_answer_about_an_unknown_silence_does_not_repeat_a_long_id(stand):
    answer = await stand.client.get(f"/api/v2/silence/{'i' * 10_000}")
    assert answer.status_code == 404
    assert len(answer.content) < 300


async def test_more_alerts_than_anybody_sends_at_once_are_refused_before_they_are_taken(stand):
    answer = await stand.client.post("/api/v2/alerts", json=[{"labels": {"alertname": "Many"}}] * 5_001)
    assert answer.status_code == 400
    assert "5000" in answer.json()


async def test_a_silence_needs_a_token(stand):
    answer = await stand.client.post("/api/v2/silences", json={})
    assert answer.status_code == 401


async def test_amtool_adds_an_alert_that_then_fires_here(stand):
    await stand.amtool("alert", "add", "alertname=Theirs", "job=web", "--annotation=summary=by hand")
    listed = json.loads(await stand.amtool("alert", "query", "alertname=Theirs", "-o", "json"))
    seen = (await stand.client.get("/api/performance/alerts")).json()
    assert [each["annotations"]["summary"] for each in listed] == ["by hand"]
    assert "by hand" in [each["message"] for each in seen["alerts"]]


async def test_an_alert_without_labels_is_refused(stand):
    token = (stand.folder / "admin.token").read_text().strip()
    headers = {"Authorization": f"Bearer {token}"}
    answer = await stand.client.post("/api/v2/alerts", json=[{"labels": {}}], headers=headers)
    assert answer.status_code == 400
    assert "no identity" in answer.json()


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://prometheus.example/graph?g0.expr=up", 200),
        ("", 200),
        ("javascript:alert(1)", 400),
        ("data:text/html,x", 400),
        (" javascript:alert(1)", 400),
        ("//elsewhere", 400),
    ],
)
async def test_the_source_of_an_alert_that_is_posted_is_one_that_people_may_follow(tmp_path, url, status):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.post("/api/v2/alerts", json=[{"labels": {"alertname": "A"}, "generatorURL": url}])
    assert answer.status_code == status


SILENCE = {
    "matchers": [{"name": "alertname", "value": "Silenced", "isRegex": False}],
    "startsAt": "2020-01-01T00:00:00Z",
    "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "test",
    "comment": "test",
}
CHOSEN = {
    "": ["Active", "Silenced"],
    "active=false": ["Silenced"],
    "silenced=false": ["Active"],
    "active=false&silenced=false": [],
    "inhibited=false&unprocessed=false&muted=false": ["Active", "Silenced"],
    "receiver=lapbell": ["Active", "Silenced"],
    "receiver=lap.*": ["Active", "Silenced"],
    "receiver=lap": [],
    "receiver=team-x": [],
    "receiver=": [],
    "receiver=lapbell&silenced=0&filter=alertname%3DSilenced": [],
}
SENSELESS = (
    "active=yes",
    "silenced=",
    "inhibited=2",
    "unprocessed=TRUE%20",
    "muted=no",
    "receiver=(",
    "receiver=(.{1000}){9}",
)


async def asked(client: httpx.AsyncClient, path: str, query: str) -> tuple[int, object]:
    """The status, and the names of the alerts that come back, or why none do."""
    answer = await client.get(f"/api/v2/{path}?{query}")
    body = answer.json()
    if answer.status_code != 200:
        return answer.status_code, body
    alerts = body if path == "alerts" else [alert for group in body for alert in group["alerts"]]
    return 200, sorted(alert["labels"]["alertname"] for alert in alerts)


@pytest.mark.parametrize("path", ["alerts", "alerts/groups"])
async def test_alerts_are_chosen_as_alertmanager_chooses_them(tmp_path, path):
    async with evaluator(tmp_path) as (client, _):
        token = {"Authorization": f"Bearer {(tmp_path / 'admin.token').read_text().strip()}"}
        await client.post("/api/v2/alerts", json=[{"labels": {"alertname": name}} for name in ("Active", "Silenced")])
        await client.post("/api/v2/silences", json=SILENCE, headers=token)
        chosen = {query: await asked(client, path, query) for query in CHOSEN}
    assert chosen == {query: (200, names) for query, names in CHOSEN.items()}


@pytest.mark.parametrize("path", ["alerts", "alerts/groups"])
async def test_what_chooses_nothing_sensible_is_refused_with_the_remedy(tmp_path, path):
    async with evaluator(tmp_path) as (client, _):
        refused = {query: await asked(client, path, query) for query in SENSELESS}
    remedies = {
        query: (status, "true nor false; send one of them" in str(why) or "regular expression" in str(why))
        for query, (status, why) in refused.items()
    }
    assert remedies == dict.fromkeys(SENSELESS, (400, True))


async def test_a_prometheus_has_the_evaluator_as_its_alertmanager(stand):
    token = (stand.folder / "admin.token").read_text().strip()
    rules = stand.folder / "rules.yml"
    rules.write_text(
        "groups: [{name: g, interval: 1s, rules: [{alert: FromPrometheus, expr: vector(1), labels: {job: prom},"
        ' annotations: {summary: "it is {{ $value }}"}}]}]'
    )
    config = (
        f"global: {{evaluation_interval: 1s}}\nrule_files: [{rules}]\nalerting: {{alertmanagers: [{{"
        f"authorization: {{credentials: {token}}}, static_configs: [{{targets: ['{stand.rest}']}}]}}]}}\n"
    )
    with prometheus(config):
        await firing(stand.client, "FromPrometheus")
    listed = json.loads(await stand.amtool("alert", "query", "alertname=FromPrometheus", "-o", "json"))
    assert [each["annotations"]["summary"] for each in listed] == ["it is 1"]
