"""What clumsy and hostile clients send to the REST gate."""

import asyncio

import pytest

from evaluator_kit import evaluator

LONG = 5000


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/v1/series", {"match[]": "up", "limit": "9" * LONG}),
        ("/api/v1/query", {"query": "0x" + "f" * LONG}),
        ("/api/v1/query", {"query": "big[" + "9" * LONG + "s]"}),
        ("/api/v1/query", {"query": "(" * LONG}),
        ("/api/performance/summary", {"window": "9" * LONG + "d"}),
        ("/api/performance/summary", {"start": "9" * LONG}),
    ],
)
async def test_absurd_numbers_are_refused(tmp_path, path, params):
    async with evaluator(tmp_path) as (client, _):
        assert (await client.get(path, params=params)).status_code in (400, 422)


async def test_a_large_body_is_refused_before_it_is_read(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.post("/api/v1/query", content=b"a" * 3_000_000)
        by_form = await client.post("/api/v1/query", data={"query": "a" * 3_000_000})
        resolve, reason = "/api/performance/alerts/0000000000000000/resolve", {"reason": "a" * 3_000_000}
        by_a_stranger = await client.post(resolve, json=reason)
        admin = {"Authorization": f"Bearer {(tmp_path / 'admin.token').read_text().strip()}"}
        posted = await client.post(resolve, json=reason, headers=admin)
    assert answer.status_code == 400
    assert by_form.status_code == 413
    assert by_a_stranger.status_code == 401
    assert posted.status_code == 413


async def test_remote_write_is_answered_at_its_own_path(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.post("/api/v1/write", content=b"")
    assert answer.status_code in (400, 415)


async def test_rules_are_evaluated_while_people_ask_expensive_questions(tmp_path):
    """Both run at the same time: the engine has a thread for each."""
    async with evaluator(tmp_path) as (client, _):
        heavy = "+".join(f"count(sum_over_time(up[5m:1s] offset {number}ms))" for number in range(40))
        questions = [asyncio.create_task(client.post("/api/v1/query", data={"query": heavy})) for _ in range(8)]
        groups = (await client.get("/api/v1/rules")).json()["data"]["groups"]
        answers = await asyncio.gather(*questions)
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert len(groups) > 0


POSTED = '[{"labels": {"a": "%s"}, "startsAt": "%s", "endsAt": "9999-12-31T23:59:59-12:00"}]'
SILENCE = """{"matchers": [{"name": "a", "value": "%s", "isRegex": false}], "startsAt": "%s",
"endsAt": "9999-12-31T23:59:59-12:00", "createdBy": "ann", "comment": "for ever"}"""


@pytest.mark.parametrize(("path", "body"), [("/api/v2/alerts", POSTED), ("/api/v2/silences", SILENCE)])
async def test_text_that_no_database_holds_is_refused_and_a_time_that_no_date_names_is_shown_as_the_last_one(
    tmp_path, path, body
):
    async with evaluator(tmp_path) as (client, _):
        token = (tmp_path / "admin.token").read_text().strip()
        admin = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        half = await client.post(path, content=body % (r"\ud800", "2026-11-24T00:00:00Z"), headers=admin)
        nul = await client.post(path, content=body % (r"\u0000", "2026-11-24T00:00:00Z"), headers=admin)
        late = await client.post(path, content=body % ("b", "9999-12-31T23:59:59-12:00"), headers=admin)
        (shown,) = [each for each in (await client.get(path)).json() if "9999" in each["startsAt"]]
    assert half.status_code == 400
    assert nul.status_code == 400
    assert late.status_code == 200
    assert shown["startsAt"] == "9999-12-31T23:59:59.000Z"


async def test_an_alert_whose_label_has_no_name_is_refused(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        token = (tmp_path / "admin.token").read_text().strip()
        admin = {"Authorization": f"Bearer {token}"}
        answer = await client.post("/api/v2/alerts", json=[{"labels": {"": "b"}}], headers=admin)
    assert answer.status_code == 400


async def test_a_silence_whose_id_is_no_text_is_refused(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        token = (tmp_path / "admin.token").read_text().strip()
        admin = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        body = (SILENCE % ("b", "2026-11-24T00:00:00Z")).replace("{", r'{"id": "\ud800", ', 1)
        answer = await client.post("/api/v2/silences", content=body, headers=admin)
    assert answer.status_code == 400
    assert "half of a surrogate pair" in answer.text


async def test_an_alert_that_is_said_to_have_ended_without_a_start_is_over(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        token = (tmp_path / "admin.token").read_text().strip()
        admin = {"Authorization": f"Bearer {token}"}
        alert = {"labels": {"alertname": "Ours"}}
        await client.post("/api/v2/alerts", json=[alert], headers=admin)
        ended = await client.post("/api/v2/alerts", json=[{**alert, "endsAt": "2026-01-01T00:00:00Z"}], headers=admin)
        left = (await client.get("/api/v2/alerts")).json()
    assert ended.status_code == 200
    assert left == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("alerts", "[" + "1," * 100_000 + "1]"),
        ("alerts", '[{"labels": {' + ",".join(f'"l{at}": {at}' for at in range(900)) + "}}]"),
        ("alerts", '[{"labels": {' + ",".join(f'"l{at}": "x"' for at in range(20_000)) + "}}]"),
        ("silences", SILENCE.replace("]", ", 1" * 100_000 + "]") % ("b", "2026-11-30T00:00:00Z")),
    ],
    ids=["alerts that are none", "labels that are no text", "labels without end", "matchers that are none"],
)
async def test_a_report_of_what_is_wrong_is_short_however_much_is_wrong(tmp_path, path, body):
    async with evaluator(tmp_path) as (client, _):
        admin = {"Authorization": f"Bearer {(tmp_path / 'admin.token').read_text().strip()}"}
        headers = {"Content-Type": "application/json", **admin}
        answer = await client.post(f"/api/v2/{path}", content=body, headers=headers)
    assert {"status": answer.status_code, "is_short": len(answer.content) < 4_096} == {"status": 400, "is_short": True}
