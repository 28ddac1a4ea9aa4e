"""Processes that use lapbell as users do: an app behind a server, and scripts."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peers import Process, answers, free_port, running, scratch

__all__ = ["AppServer", "app_server", "module", "python"]

_BIN = Path(sys.executable).parent
_APPS = Path(__file__).parent
# uvicorn replaces a worker that does not answer within five seconds: on a busy machine one that still starts, for ever.
_PATIENT = {"UVICORN_TIMEOUT_WORKER_HEALTHCHECK": "100"}


@dataclass(frozen=True, slots=True)
class AppServer:
    """A running app."""

    url: str
    process: Process


def environment(**more: str) -> dict[str, str]:
    """This process' environment without its OpenTelemetry settings, and `more`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "LAPBELL_"))}
    path = f"{_BIN}{os.pathsep}{own['PATH']}"
    return {**own, **_PATIENT, "PATH": path, "PYTHONPATH": str(_APPS.parent), "PYTHONUNBUFFERED": "1", **more}


@contextlib.contextmanager
def app_server(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[AppServer]:
    """Run `argv`, whose `{port}` is a free one, until the block ends; it must answer GET /ready."""
    port = free_port()
    command = [str(_BIN / argv[0]), *(argument.format(port=port) for argument in argv[1:])]
    with scratch("app") as folder:
        ready = answers(f"http://127.0.0.1:{port}/ready")
        with running(command, folder=folder, ready=ready, env=environment(**env)) as process:
            yield AppServer(f"http://127.0.0.1:{port}", process)


@contextlib.contextmanager
def module(name: str, *arguments: str, **env: str) -> Iterator[Process]:
    """Run a module as a program until the block ends; it may not have begun its work yet."""
    argv, env = [sys.executable, "-m", name, *arguments], environment(**env)
    with scratch("module") as folder, running(argv, folder=folder, ready=lambda: True, env=env) as process:
        yield process


def python(script: str, *, within_s: float = 60.0, **env: str) -> str:
    """What a script of its own process prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=within_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
