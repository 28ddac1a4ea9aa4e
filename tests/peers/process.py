"""A server process: started, awaited, ended; its output is shown where a test fails."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx

__all__ = ["Argv", "Process", "answers", "pipe", "running", "scratch"]

Argv = Sequence[str | Path]

_POLL_S = 0.02
_TAIL_LINES = 40


@dataclass(frozen=True, slots=True)
class Process:
    """One running server process and the file that its output goes to."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    def wait_until(self, claim: Callable[[], bool], *, within_s: float = 100.0) -> None:
        """Return as soon as `claim` holds; raise with the output if the process ends first, or after `within_s`.

        The limit is for what would never come true: four workers may take a minute to start on a busy machine.
        """
        deadline = time.monotonic() + within_s
        while not claim():
            if self.popen.poll() is not None:
                raise ChildProcessError(f"{self.name} ended with code {self.popen.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: not ready within {within_s} s\n{self.tail()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(_POLL_S)

    def run_for(self, seconds: float) -> None:
        """Let it run; raise with the output if it ends meanwhile."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.popen.wait(seconds)
            raise ChildProcessError(f"{self.name} ended with code {code}\n{self.tail()}")

    def stop(self, by: signal.Signals = signal.SIGTERM, *, within_s: float = 60.0) -> int:
        """Ask with `by`, kill what has not ended after `within_s`; the exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(by)
        try:
            return self.popen.wait(within_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it as `kill -9` does; the exit code."""
        self.popen.kill()
        return self.popen.wait()

    def tail(self) -> str:
        """The last lines of its output."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([f"--- {self.name}: {self.log}", *lines[-_TAIL_LINES:]])


@contextlib.contextmanager
def running(
    argv: Argv,
    *,
    folder: Path,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_by: signal.Signals = signal.SIGTERM,
) -> Iterator[Process]:
    """Run `argv` in `folder` until the block ends; an error in the block carries the process' last words as a note."""
    name = Path(argv[0]).name
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        popen = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=folder, user=user
        )
    process = Process(name, popen, log)
    try:
        process.wait_until(ready)
        yield process
    except BaseException as error:
        error.add_note(process.tail())
        raise
    finally:
        process.stop(stop_by)


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """A folder for one server; kept if the block fails, so that its data and logs can be looked at."""
    folder = Path(tempfile.mkdtemp(prefix=f"lapbell-{name}-"))
    yield folder
    shutil.rmtree(folder)


def answers(url: str) -> Callable[[], bool]:
    """A claim: GET `url` answers with a status below 400."""

    def claim() -> bool:
        try:
            return not httpx.get(url, timeout=1.0, trust_env=False).is_error
        except httpx.TransportError:
            return False

    return claim


def pipe(stream: IO[str] | None) -> IO[str]:
    """A stream of a process that was started with a pipe there."""
    if stream is None:
        raise ValueError("the process was started without a pipe: give stdout=subprocess.PIPE")
    return stream
