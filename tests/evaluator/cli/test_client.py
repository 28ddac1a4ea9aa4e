"""What the command line says where it is not allowed to change something."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from evaluator_kit import evaluator
from lapbell_evaluator.app import Running


async def resolve(folder: Path, addresses: Running, *options: str) -> str:
    """What `lapbell alerts resolve` complains of in a folder without a token."""
    command = [sys.executable, "-m", "lapbell_evaluator", "alerts", "resolve", "0" * 16, "--why", "mended"]
    command += ["--url", f"http://{addresses.rest}", *options]
    run = partial(subprocess.run, command, cwd=folder, capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(run)
    assert done.returncode == 2
    assert done.stdout == ""
    return done.stderr


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


async def test_a_missing_token_is_remedied_in_words_of_the_command_line(tmp_path, elsewhere):
    async with evaluator(tmp_path) as (_, addresses):
        told = await resolve(elsewhere, addresses)
    assert "--token-file" in told
    assert "Authorization" not in told


async def test_a_token_file_that_was_named_must_be_there(tmp_path, elsewhere):
    async with evaluator(tmp_path) as (_, addresses):
        told = await resolve(elsewhere, addresses, "--token-file", str(elsewhere / "missing.token"))
    assert told.endswith("missing.token: No such file or directory. Name another with --token-file.\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a verb ended with."""

    code: int
    stdout: str
    stderr: str


async def ran(folder: Path, *arguments: str, **environ: str) -> Answer:
    """A verb as a person in `folder` runs it."""
    command = [sys.executable, "-m", "lapbell_evaluator", *arguments]
    run = partial(subprocess.run, command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(run)
    return Answer(done.returncode, done.stdout, done.stderr)


async def test_verbs_ask_the_evaluator_of_the_configuration_with_the_token_of_its_data_folder(tmp_path, elsewhere):
    silence = ("silence", "add", "alertname=Moved", "--why", "moved", "--by", "night shift")
    async with evaluator(tmp_path / "data") as (_, addresses):
        file = elsewhere / "lapbell.yaml"
        file.write_text(f"listen: {{rest: '{addresses.rest}'}}\ndata_dir: {tmp_path / 'data'}\n")
        of_the_folder = await ran(elsewhere, *silence)
        of_a_named_file = await ran(tmp_path, *silence, "--config", str(file))
        of_a_variable = await ran(elsewhere, "silence", "list", LAPBELL_URL="http://127.0.0.1:9")
        named = ("--url", f"http://{addresses.rest}")
        of_an_option = await ran(elsewhere, "silence", "list", "-o", "json", *named, LAPBELL_URL="http://127.0.0.1:9")
    answers = (of_the_folder, of_a_named_file, of_a_variable, of_an_option)
    assert [answer.code for answer in answers] == [0, 0, 4, 0]
    assert {silence["id"] for silence in json.loads(of_an_option.stdout)} == {
        of_the_folder.stdout.strip(),
        of_a_named_file.stdout.strip(),
    }


@pytest.mark.parametrize(
    ("arguments", "environ", "told"),
    [
        (("--url", "http://127.0.0.1:9"), {}, "http://127.0.0.1:9 (--url)"),
        ((), {"LAPBELL_URL": "http://127.0.0.1:9"}, "http://127.0.0.1:9 (LAPBELL_URL)"),
        ((), {"LAPBELL_LISTEN__REST": "0.0.0.0:9"}, "http://127.0.0.1:9 (LAPBELL_LISTEN__REST)"),
        ((), {}, "http://127.0.0.1:10 (listen.rest of lapbell.yaml)"),
        (("--config", "other.yaml"), {}, "http://127.0.0.1:11 (listen.rest of other.yaml)"),
    ],
)
async def test_where_nobody_answers_the_message_names_what_named_the_address(elsewhere, arguments, environ, told):
    (elsewhere / "lapbell.yaml").write_text("listen: {rest: '127.0.0.1:10'}\n")
    (elsewhere / "other.yaml").write_text("listen: {rest: '127.0.0.1:11'}\n")
    answer = await ran(elsewhere, "alerts", "list", *arguments, **environ)
    assert answer.code == 4
    assert f"No evaluator answers at {told}: " in answer.stderr


async def test_a_port_that_the_configuration_leaves_open_must_be_named(elsewhere):
    (elsewhere / "lapbell.yaml").write_text("listen: {rest: '127.0.0.1:0'}\n")
    answer = await ran(elsewhere, "alerts", "list")
    assert answer == Answer(
        2,
        "",
        "lapbell: listen.rest of lapbell.yaml is port 0: the evaluator takes a free one."
        " Name the one that its log tells after `ready:` by --url or LAPBELL_URL.\n",
    )
