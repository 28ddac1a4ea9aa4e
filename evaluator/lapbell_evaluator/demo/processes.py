"""Child processes with their logs: started in order, ended in reverse on every way out but SIGKILL."""

import asyncio
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lapbell_evaluator.model import EvaluatorError

__all__ = ["Child", "free_port", "start", "until_listening"]

_END_S: Final = 5.0
_POLL_S: Final = 0.05
_LOG_TAIL: Final = 12


@dataclass(frozen=True, slots=True)
class Child:
    """A running process."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    def check(self) -> None:
        """Raises EvaluatorError with the end of its log if the process has ended."""
        if self.process.returncode is None:
            return
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
        raise EvaluatorError(f"The {self.name} ended with code {self.process.returncode}. The end of its log:\n{tail}")

    async def end(self) -> None:
        """SIGTERM, and SIGKILL to what has not ended within five seconds."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), _END_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


async def start(name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> Child:
    """Starts a process in a session of its own, so that the terminal's Ctrl-C reaches it through its parent alone."""
    log = logs / f"{name}.log"
    with log.open("wb") as stream:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    return Child(name, process, log)


async def until_listening(child: Child, port: int, within_s: float = 30.0) -> None:
    """Returns once the child accepts connections.

    Raises:
        EvaluatorError: it ended, or took too long.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while asyncio.get_running_loop().time() < deadline:
        child.check()
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(_POLL_S)
    raise EvaluatorError(f"The {child.name} did not listen on port {port} within {within_s:g} s.", f"See {child.log}.")


def free_port(preferred: int) -> int:
    """`preferred` if nobody listens there, else any free port of loopback."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            taken: int = probe.getsockname()[1]
            return taken
    raise EvaluatorError("No port of 127.0.0.1 is free.", "End some processes.")
