"""`lapbell runbook`, which needs neither an evaluator nor a network."""

import os
import pty
import subprocess
import sys

from lapbell_evaluator.runbooks import runbooks

COMMAND = (sys.executable, "-m", "lapbell_evaluator", "runbook")
UNREACHABLE = {"COLUMNS": "400", "LAPBELL_URL": "http://127.0.0.1:9", "TERM": "dumb"}


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, env=UNREACHABLE, check=False
    )


def shown(*arguments: str) -> str:
    """What stands on a terminal, in one line."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb") as screen:
        process = subprocess.Popen([*COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=screen, env=UNREACHABLE)
    text = b""
    while part := _read(ours):
        text += part
    os.close(ours)
    assert process.wait(60) == 0
    return " ".join(text.decode().split())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # Linux says so when the other end is closed
        return b""


def test_without_a_name_every_page_is_listed_with_what_it_means():
    lines = [line.split(maxsplit=1) for line in ran().stdout.splitlines()[1:]]
    assert [(name, meaning.strip()) for name, meaning in lines] == [(page.name, page.meaning) for page in runbooks()]


def test_a_program_gets_the_source():
    (page,) = [page for page in runbooks() if page.name == "redis-latency"]
    answers = {name: ran(name).stdout for name in ("redis-latency", "RedisLatency")}
    assert answers == dict.fromkeys(answers, page.text)


def test_a_terminal_gets_text_in_which_links_are_commands():
    screen = shown("redis-circuit-open")
    assert "Other breakers: CircuitOpen (lapbell runbook circuit-open)." in screen
    assert "](" not in screen


def test_a_name_that_is_no_page_is_told_with_the_nearest():
    answer = ran("RedisLatenc")
    told = "There is no runbook 'RedisLatenc'. Did you mean redis-latency? `lapbell runbook` lists them."
    assert answer.returncode == 2
    assert answer.stderr == f"lapbell: {told}\n"
