"""What happened, as the gates tell it."""

import asyncio
import json
import sys

import httpx

from evaluator_kit import evaluator, firing, get
from lapbell_evaluator.config import admin_token_file
from lapbell_evaluator.config.settings import Settings

RULES = """
groups:
- name: g
  rules:
  - {alert: First, expr: vector(1) > 0, labels: {job: shop}, annotations: {summary: "it is {{ $value }}"}}
  - {alert: Second, expr: vector(2) > 0, labels: {job: other, severity: critical}}
"""


async def lapbell(*arguments: str) -> str:
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lapbell_evaluator", *arguments, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await run.communicate()
    assert run.returncode == 0
    return told.decode()


def authorized(folder) -> dict[str, str]:
    token = admin_token_file(Settings(data_dir=folder)).read_text().strip()
    return {"Authorization": f"Bearer {token}"}


async def resolve(client: httpx.AsyncClient, folder, key: str) -> None:
    body = {"reason": "known", "by": "ann"}
    path = f"/api/performance/alerts/{key}/resolve"
    assert (await client.post(path, json=body, headers=authorized(folder))).status_code == 200


def rules(folder) -> dict[str, object]:
    (folder / "rules.yml").write_text(RULES)
    return {"files": [folder / "rules.yml"]}


async def test_every_move_is_told_with_its_reason_and_its_actor(tmp_path):
    async with evaluator(tmp_path, rules=rules(tmp_path)) as (client, _):
        key = await firing(client, "First")
        await firing(client, "Second")
        await resolve(client, tmp_path, key)
        found = (await get(client, "/api/performance/alert-history", filter="job=shop"))["transitions"]
        told = [(each["previous_state"], each["state"], each["reason"], each["actor"], each["why"]) for each in found]
        assert told == [
            ("firing", "resolved", "manual", "ann (admin)", "known"),
            ("inactive", "firing", "breached", "", ""),
        ]
        assert found[0]["alertname"] == "First"
        assert found[0]["message"] == "it is 1"
        assert found[0]["metric_value"] == 1.0


async def test_pages_lead_to_each_other(tmp_path):
    async with evaluator(tmp_path, rules=rules(tmp_path)) as (client, _):
        await firing(client, "First")
        await firing(client, "Second")
        path = "/api/performance/alert-history"
        first = await get(client, path, limit="1")
        second = await get(client, path, limit="1", before=str(first["next"]))
        last = await get(client, path, limit="1", before=str(second["next"]))
        names = [each["alertname"] for page in (first, second) for each in page["transitions"]]
    assert sorted(names) == ["First", "Second"]
    assert last == {"transitions": [], "next": None}


async def test_the_audit_says_who_changed_what_and_needs_an_admin(tmp_path):
    async with evaluator(tmp_path, rules=rules(tmp_path)) as (client, _):
        key = await firing(client, "First")
        await resolve(client, tmp_path, key)
        path = "/api/performance/audit"
        assert (await client.get(path)).status_code == 401
        (entry,) = (await client.get(path, headers=authorized(tmp_path))).json()["entries"]
        own = {name: text for name, text in entry.items() if name != "at"}
    assert own == {"actor": "ann (admin)", "action": "resolve", "target": key, "why": "known"}


async def test_the_audit_of_a_silence_says_whose_token_made_it_beside_the_name_that_is_claimed(tmp_path):
    silence = {
        "matchers": [{"name": "job", "value": "shop", "isRegex": False}],
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "ann",
        "comment": "deploy",
    }
    async with evaluator(tmp_path) as (client, _):
        await client.post("/api/v2/silences", json=silence, headers=authorized(tmp_path))
        (entry,) = (await client.get("/api/performance/audit", headers=authorized(tmp_path))).json()["entries"]
        (made,) = (await client.get("/api/v2/silences")).json()
    assert entry["actor"] == "ann (admin)"
    assert made["createdBy"] == "ann"


async def test_a_reload_is_audited_with_who_wanted_it(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        assert (await client.post("/-/reload", headers=authorized(tmp_path))).status_code == 200
        (entry,) = (await client.get("/api/performance/audit", headers=authorized(tmp_path))).json()["entries"]
        assert entry["actor"] == "admin"
        assert entry["action"] == "reload"
        assert entry["target"] == "rules"


async def test_bad_questions_are_told_what_to_write(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        for asked in ({"filter": "job=~("}, {"start": "noon"}, {"alert_key": "x"}, {"limit": "0"}, {"state": "sad"}):
            answer = await client.get("/api/performance/alert-history", params=asked)
            assert 400 <= answer.status_code < 500, answer.text
            assert answer.json()["message"], asked


async def test_the_command_line_says_who_acts(tmp_path):
    async with evaluator(tmp_path, rules=rules(tmp_path)) as (client, running):
        key = await firing(client, "First")
        url = ("--url", f"http://{running.rest}", "--token-file", str(tmp_path / "admin.token"))
        await lapbell("alerts", "ack", key, "--why", "looking", "--by", "ann", *url)
        await lapbell("alerts", "resolve", key, "--why", "mended", "--by", "bob", *url)
        moves = (await get(client, "/api/performance/alert-history", filter="job=shop"))["transitions"]
    assert [(each["reason"], each["actor"]) for each in moves] == [
        ("manual", "bob (admin)"),
        ("acknowledged", "ann (admin)"),
        ("breached", ""),
    ]


async def test_the_command_line_shows_both(tmp_path):
    async with evaluator(tmp_path, rules=rules(tmp_path)) as (client, running):
        key = await firing(client, "First")
        await resolve(client, tmp_path, key)
        url = ("--url", f"http://{running.rest}")
        moves = json.loads(await lapbell("alerts", "history", key, *url, "-o", "json"))
        table = await lapbell("alerts", "history", "-m", "job=shop", *url)
        audit = await lapbell("audit", *url, "--token-file", str(admin_token_file(Settings(data_dir=tmp_path))))
    first, second = table.splitlines()[:2]
    assert [each["state"] for each in moves] == ["resolved", "firing"]
    assert first.endswith(f"{key}  firing → resolved, manual  First")
    assert second == "    1, threshold 0  job=shop  by ann (admin): known"
    assert audit.split()[-5:] == ["ann", "(admin)", "resolve", key, "known"]
