"""What the command line says where it is not allowed to change something."""

import asyncio
import subprocess
import sys
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
