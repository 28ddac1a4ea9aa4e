"""`lapbell doctor` as a person runs it: a process of its own, in a folder and an environment of its own.

It is patient: what answers at all answers in time, however busy the machine is. Where nobody answers a test may ask for
less, as the last `--patience` counts.
"""

import asyncio
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from lapbell_evaluator.app import Running
from peers import free_port

__all__ = ["BRIEFLY", "Report", "elsewhere", "examined", "gates_of", "in_daemon_thread", "on_a_terminal", "printed"]

T = TypeVar("T")

BRIEFLY = ("--patience", "1")
"""Arguments of an examination among those who never answer."""


@dataclass(frozen=True, slots=True)
class Report:
    """What `-o json` said."""

    code: int
    findings: list[dict[str, str]]

    def verdicts(self, *kinds: str) -> list[str]:
        """The checks whose verdict is one of `kinds`."""
        return [finding["check"] for finding in self.findings if finding["verdict"] in kinds]

    def of(self, check: str) -> tuple[str, str, str]:
        """Verdict, found and remedy of the only finding of a check."""
        (only,) = [finding for finding in self.findings if finding["check"] == check]
        return only["verdict"], only["found"], only["remedy"]


def examined(folder: Path, *arguments: str, before: Sequence[str] = (), **environ: str) -> Report:
    """The findings of `lapbell doctor -o json` in `folder`; `before` stands before the command."""
    done = _run(folder, [*before, *_command(*arguments, "-o", "json")], environ)
    assert done.stderr == ""
    return Report(done.returncode, json.loads(done.stdout)["findings"])


def printed(folder: Path, *arguments: str, **environ: str) -> list[str]:
    """The lines of `lapbell doctor` where no terminal is."""
    return _run(folder, _command(*arguments), environ).stdout.splitlines()


def on_a_terminal(folder: Path, columns: int, **environ: str) -> list[str]:
    """The lines of `lapbell doctor` on a terminal so many columns wide."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = {**_environment(environ), "TERM": "dumb", "NO_COLOR": "1"}
    with subprocess.Popen(_command(), cwd=folder, env=env, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        text = b"".join(_until_closed(ours))
        process.wait(30)
    os.close(ours)
    return text.decode().replace("\r\n", "\n").splitlines()


def elsewhere() -> dict[str, str]:
    """Gates on ports of which nobody has any, for a configuration that disturbs no other."""
    return {f"LAPBELL_LISTEN__{gate}": f"127.0.0.1:{free_port()}" for gate in ("REST", "OTLP_GRPC", "OTLP_HTTP")}


def gates_of(addresses: Running, folder: Path) -> dict[str, str]:
    """The configuration of an evaluator that runs."""
    return {
        "LAPBELL_LISTEN__REST": addresses.rest,
        "LAPBELL_LISTEN__OTLP_GRPC": addresses.otlp_grpc,
        "LAPBELL_LISTEN__OTLP_HTTP": addresses.otlp_http,
        "LAPBELL_DATA_DIR": str(folder),
    }


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "lapbell_evaluator", "doctor", "--patience", "10", *arguments]


def _environment(environ: dict[str, str]) -> dict[str, str]:
    own = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**own, **environ}


def _run(folder: Path, command: Sequence[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, env=_environment(environ), capture_output=True, text=True, timeout=120, check=False
    )


def _until_closed(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            some = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            return
        if not some:
            return
        yield some


async def in_daemon_thread(work: Callable[..., T], *arguments: object, **named: object) -> T:
    """What `work` gives, from a thread: an evaluator in this process goes on meanwhile."""
    return await asyncio.to_thread(partial(work, *arguments, **named))
