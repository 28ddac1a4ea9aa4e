"""A storm as REST gives it, and as the command line prints it."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from evaluator_kit import evaluator, get
from lapbell_evaluator.app import Running
from lapbell_evaluator.model import SystemClock
from otlp_kit import Attributes
from otlp_kit.metrics import gauge, metrics_export, number, resource

RULES = """\
groups:
- name: g
  interval: 1s
  rules:
  - {alert: Failing, expr: errors > 1, labels: {severity: critical, category: webhook}}
  - {alert: Lonely, expr: lonely > 1, labels: {severity: warning}}
"""
ROUTES = 30


@pytest.fixture
async def stormy(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, Running]]:
    """Thirty routes that fail, the last one the worst, and one other alert."""
    (tmp_path / "rules.yml").write_text(RULES)
    async with evaluator(tmp_path, rules={"files": [tmp_path / "rules.yml"]}) as (client, addresses):
        now = SystemClock().now()
        failing = [number(2 + route, now, **Attributes({"http.route": f"/webhook/{route}"})) for route in range(ROUTES)]
        export = metrics_export(
            gauge("errors", failing), gauge("lonely", [number(2, now)]), of=resource(service_name="shop")
        )
        answer = await client.post(
            f"http://{addresses.otlp_http}/v1/metrics",
            content=export.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
        assert answer.status_code == 200
        while (await get(client, "/api/performance/alerts"))["summary"]["total"] <= ROUTES:
            pass
        yield client, addresses


async def listed(addresses: Running, *arguments: str) -> str:
    answer = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "lapbell_evaluator", "alerts", "list", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "COLUMNS": "100", "LAPBELL_URL": f"http://{addresses.rest}"},
        check=True,
    )
    return answer.stdout


async def test_rest_lists_storms_and_names_the_storm_of_each_alert(stormy):
    client, _ = stormy
    answer = await get(client, "/api/performance/alerts")
    (storm,) = answer["storms"]
    fired_at = {each["fired_at"] for each in answer["alerts"] if each["storm"]}
    worst = [each["alert_key"] for each in sorted(answer["alerts"], key=lambda each: -each["metric_value"])]
    summary = await get(client, "/api/performance/summary")
    metrics = (await client.get("/metrics")).text
    assert storm == {
        "id": next(each["storm"] for each in answer["alerts"] if each["storm"]),
        "alertname": "Failing",
        "severity": "critical",
        "firing": ROUTES,
        "recovering": 0,
        "held": 0,
        "acknowledged": 0,
        "silenced": 0,
        "began_at": min(fired_at),
        "last_at": max(fired_at),
        "common_labels": {
            "alertname": "Failing",
            "category": "webhook",
            "job": "shop",
            "severity": "critical",
        },
        "differing_labels": [
            {
                "label": "http_route",
                "distinct_values": ROUTES,
                "most_frequent": [{"value": f"/webhook/{route}", "count": 1} for route in (0, 1, 10)],
            }
        ],
        "examples": worst[:5],
    }
    assert [each["alertname"] for each in answer["alerts"] if each["storm"] is None] == ["Lonely"]
    assert answer["summary"]["storms"] == 1
    assert summary["alerts"]["storms"] == 1
    assert "\nlapbell_alert_storms 1.0\n" in metrics


async def test_whether_an_alert_is_silenced_or_flaps_stands_beside_its_state(stormy, tmp_path):
    client, addresses = stormy
    token = {"Authorization": f"Bearer {(tmp_path / 'admin.token').read_text().strip()}"}
    moments = [datetime.fromtimestamp(SystemClock().now() + ahead, UTC).isoformat() for ahead in (0, 600)]
    body = {
        "matchers": [{"name": "alertname", "value": "Lonely", "isRegex": False}],
        "startsAt": moments[0],
        "endsAt": moments[1],
        "createdBy": "ann",
        "comment": "deploy",
    }
    made = await client.post("/api/v2/silences", json=body, headers=token)
    (lonely,) = (each for each in (await get(client, "/api/performance/alerts"))["alerts"] if each["storm"] is None)
    assert lonely["silenced_by"] == [made.json()["silenceID"]]
    assert lonely["inhibited_by"] == []
    assert lonely["flapping"] is False
    assert f"{lonely['alert_key']}  warning   firing (silenced) for " in await listed(addresses)


async def test_of_another_service_there_is_no_storm(stormy):
    client, _ = stormy
    answer = await get(client, "/api/performance/alerts", service="other")
    assert answer["storms"] == []
    assert answer["summary"]["storms"] == 0


async def test_a_storm_is_one_block_with_its_worst_alerts_and_all_shows_every_one(stormy):
    client, addresses = stormy
    told = await listed(addresses)
    keys = (await get(client, "/api/performance/alerts"))["storms"][0]["examples"]
    (lonely,) = (each for each in (await get(client, "/api/performance/alerts"))["alerts"] if each["storm"] is None)
    timeless = re.sub(r"firing for \d+s", "firing for 1s", re.sub(r"\d\d:\d\d:\d\d", "12:01:05", told))
    members = [
        f"  {key}  critical  firing for 1s  Failing\n    {31 - place}, threshold 1  http_route=/webhook/{29 - place}\n"
        for place, key in enumerate(keys)
    ]
    assert timeless == (
        "Failing: 30 firing since 12:01:05, critical\n"
        "  all job=shop\n"
        "  http_route: 30 values, such as /webhook/0, /webhook/1, /webhook/10\n"
        f"{''.join(members)}"
        "  … and 25 more: lapbell alerts list --all\n"
        f"{lonely['alert_key']}  warning   firing for 1s  Lonely\n"
        "  2, threshold 1  job=shop\n"
    )
    whole = await listed(addresses, "--all")
    assert len(re.findall(r"^  [0-9a-f]{16}  critical", whole, re.MULTILINE)) == ROUTES
    assert " more: " not in whole
    assert len(json.loads(await listed(addresses, "-o", "json"))) == ROUTES + 1
