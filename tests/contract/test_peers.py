"""How tests find, await and end the servers they need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peers import redis_server, require, running

ASK = """
import pytest
from peers import require
try:
    require("no-such-server")
except BaseException as outcome:
    print(type(outcome).__name__, outcome)
"""


@pytest.mark.parametrize(("ci", "outcome"), [("", "Skipped"), ("true", "Failed")])
def test_a_missing_program_skips_with_the_remedy_and_fails_in_ci(ci, outcome):
    env = {**os.environ, "CI": ci, "PYTHONPATH": str(Path(__file__).parents[1])}

    asked = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True, check=True)

    assert asked.stdout == f"{outcome} no-such-server is not installed: run scripts/install-peers\n"


def test_a_server_that_ends_before_it_is_ready_is_shown_with_its_last_words(tmp_path):
    argv = [sys.executable, "-c", "raise SystemExit('no port is free')"]

    with (
        pytest.raises(ChildProcessError, match=r"ended with code 1\n(.*\n)*no port is free"),
        running(argv, folder=tmp_path, ready=lambda: False),
    ):
        pass


def test_a_server_is_ended_with_its_block():
    with redis_server() as redis:
        process = redis.process

    assert process.popen.returncode == 0


def test_our_own_build_of_a_program_comes_before_that_of_the_system():
    assert require("prometheus").parent.name == "bin"
    assert ".peers" in require("prometheus").parts
