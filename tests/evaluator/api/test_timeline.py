"""Where the seconds went, in a whole evaluator: from an export over OTLP to a sink that takes the records."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from evaluator_kit import evaluator, feed, firing, get
from peers.sink import Sink, otlp_sink

NAME = "WebhookErrorRate"
BEGINNING = ("first_bad_sample_at", "received_at", "evaluated_at", "fired_at", "sent_at", "delivered_at")
END = ("resolved_at", "resolved_sent_at", "resolved_delivered_at")


@pytest.fixture
def sink():
    with otlp_sink() as running:
        yield running


@pytest.fixture
async def fed(tmp_path: Path, sink: Sink) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """An evaluator with an alert that fires, and the alert's key."""
    export = {"endpoint": sink.url, "protocol": "http/protobuf"}
    async with evaluator(tmp_path, export=export) as (client, addresses):
        await feed(client, addresses)
        yield client, await firing(client, NAME)


def attributes(record) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in record.attributes}


async def shown(client: httpx.AsyncClient, key: str, last: str) -> dict:
    """The alert, once a moment of its timeline is known."""
    while True:
        alert = await get(client, f"/api/performance/alerts/{key}")
        if alert["timeline"][last] is not None:
            return alert
        await asyncio.sleep(0.05)


def in_order(moments: list[float | None]) -> bool:
    known = [moment for moment in moments if moment is not None]
    return known == moments and known == sorted(known)


async def test_every_moment_is_known_and_in_order_from_the_sample_to_the_message_that_it_is_over(fed, sink, tmp_path):
    client, key = fed
    fired = await shown(client, key, "delivered_at")
    token = (tmp_path / "admin.token").read_text().strip()
    await client.post(
        f"/api/performance/alerts/{key}/resolve",
        json={"reason": "mended"},
        headers={"Authorization": f"Bearer {token}"},
    )
    over = await shown(client, key, "resolved_delivered_at")
    moments = over["timeline"]
    assert {name: moments[name] for name in BEGINNING} == {name: fired["timeline"][name] for name in BEGINNING}
    assert in_order([moments[name] for name in (*BEGINNING, *END)]), moments
    assert moments["fired_at"] - moments["first_bad_sample_at"] < 5
    assert [(each["state"], each["why"]) for each in over["transitions"]] == [("firing", ""), ("resolved", "mended")]
    assert [(each["what"], each["receiver"], each["attempts"], each["error"]) for each in over["deliveries"]] == [
        ("firing", "otlp", 1, None),
        ("resolved", "otlp", 1, None),
    ]
    (record,) = [
        found
        for each in sink.log_records
        if (found := attributes(each)).get("alertname") == NAME and found["lapbell.alert.state"] == "firing"
    ]
    names = ("first_bad_sample", "received", "evaluated")
    assert [record[f"lapbell.alert.{name}.time"] for name in names] == [moments[f"{name}_at"] for name in names]


async def test_the_list_has_the_moments_too_and_deliveries_are_for_who_asks_for_one(fed):
    client, key = fed
    alone = await shown(client, key, "delivered_at")
    listed = next(each for each in (await get(client, "/api/performance/alerts"))["alerts"] if each["alert_key"] == key)
    assert listed["timeline"] == alone["timeline"]
    assert alone.keys() - listed.keys() == {"transitions", "deliveries", "kept_traces"}


async def test_an_alert_that_never_was_is_404_with_a_remedy(fed):
    client, _ = fed
    answer = await client.get("/api/performance/alerts/0000000000000000")
    assert answer.status_code == 404
    assert answer.json() == {
        "code": "no_such_alert",
        "message": "There is no incident 0000000000000000.",
        "remedy": "List them: GET /api/performance/alerts.",
    }


async def test_the_command_line_shows_the_moments_with_the_time_between_them(fed):
    client, key = fed
    await shown(client, key, "delivered_at")
    command = [sys.executable, "-m", "lapbell_evaluator", "alerts", "show", key, "--url", str(client.base_url)]
    env = os.environ | {"COLUMNS": "100"}
    table, as_json = [
        await asyncio.to_thread(subprocess.run, [*command, *more], capture_output=True, text=True, env=env, check=True)
        for more in ([], ["--output", "json"])
    ]
    lines = table.stdout.splitlines()
    rows = [line.split("  ")[0] for line in lines[lines.index(next(each for each in lines if "MOMENT" in each)) + 1 :]]
    assert rows[:6] == ["first bad sample", "received", "evaluated", "fired", "sent", "delivered"]
    assert max(map(len, lines)) <= 100
    assert "+0.00 s" in table.stdout
    assert json.loads(as_json.stdout)["alert_key"] == key
