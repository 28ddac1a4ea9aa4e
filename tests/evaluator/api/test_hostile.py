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
        ("/api/v1/query", {"query": 'label_replace(vector(1),"x","$' + "9" * LONG + '","","(.*)")'}),
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
        posted = await client.post("/api/performance/alerts/0000000000000000/resolve", json={"reason": "a" * 3_000_000})
    assert (answer.status_code, by_form.status_code, posted.status_code) == (400, 413, 413)


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
    assert ({answer.status_code for answer in answers} <= {200, 503}, len(groups) > 0) == (True, True)
