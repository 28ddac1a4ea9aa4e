"""Queries that come as forms: Grafana's default, and what `lapbell query` sends."""

import subprocess
import sys
from pathlib import Path

import pytest

from evaluator_kit import evaluator

TESTS = Path(__file__).parents[2]
WITHOUT_MULTIPART = """
import asyncio, pathlib, sys

sys.modules["python_multipart"] = sys.modules["multipart"] = None  # as where only the extra `evaluator` is installed
from evaluator_kit import evaluator

async def post(folder):
    async with evaluator(folder) as (client, _):
        answer = await client.post("/api/v1/query", data={"query": "1 + 1"})
        print(answer.status_code, answer.json()["data"]["result"][1])

asyncio.run(post(pathlib.Path(sys.argv[1])))
"""


def test_a_form_is_read_without_python_multipart(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_MULTIPART, str(tmp_path)],
        check=False,
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.stdout == "200 2\n", ran.stderr
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"query=vector%281%29+%2B+1", "2"),
        ("query=label_replace(vector(3),%22a%22,%22ü%22,%22%22,%22%22)".encode(), "3"),
        (b"&&query=4&", "4"),
        (b"query=5&query=6", "6"),
        (b"", "parameter 'query' is missing."),
        (b"query=%FF", None),
        (b"\xff\xfe=\x00", "parameter 'query' is missing."),
    ],
)
async def test_forms_that_are_well_made_and_forms_that_are_not(tmp_path, body, wanted):
    async with evaluator(tmp_path) as (client, _):
        answer = await client.post(
            "/api/v1/query", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
    answered = answer.json()
    if wanted is None:
        assert answer.status_code == 400
    elif answer.status_code == 200:
        result = answered["data"]["result"]
        assert (result[0]["value"] if answered["data"]["resultType"] == "vector" else result)[1] == wanted
    else:
        assert answer.status_code == 400
        assert answered["error"] == wanted
