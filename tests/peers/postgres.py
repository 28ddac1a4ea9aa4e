"""PostgreSQL with a database cluster of its own, on a free port."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from peers.locate import require
from peers.ports import free_port
from peers.process import Argv, Process, running, scratch

__all__ = ["Postgres", "postgres"]


@dataclass(slots=True)
class Postgres:
    """A running PostgreSQL with an empty database `postgres`, open to its superuser `lapbell` without a password."""

    port: int
    process: Process
    start: Callable[[], Process]

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """No server is there while the block runs; then it is there again, with its data."""
        self.process.stop(signal.SIGINT)
        yield
        self.process = self.start()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """The server and its sessions take connections and answer nothing while the block runs."""
        everyone = [self.process.popen.pid, *_children(self.process.popen.pid)]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        yield
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)

    @property
    def url(self) -> str:
        """As SQLAlchemy wants it."""
        return f"postgresql+psycopg://lapbell@127.0.0.1:{self.port}/postgres"


@contextlib.contextmanager
def postgres(*settings: str) -> Iterator[Postgres]:
    """An empty PostgreSQL; `settings` like `fsync=on` override: by default nothing is forced to the disk."""
    initdb, server, is_ready = (require(program) for program in ("initdb", "postgres", "pg_isready"))
    port = free_port()
    user = _unprivileged()
    with scratch("postgres") as folder:
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        argv: Argv = [
            initdb,
            "-D",
            data,
            "-U",
            "lapbell",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, cwd=folder, user=user)
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off", *settings]
        run: Argv = [
            server,
            "-D",
            data,
            "-p",
            str(port),
            *(part for option in options for part in ("-c", option)),
        ]
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        with contextlib.ExitStack() as started:

            def start() -> Process:
                accepts = _accepts(is_ready, port)
                return started.enter_context(
                    running(run, folder=folder, ready=accepts, user=user, stop_by=signal.SIGINT)
                )

            yield Postgres(port, start(), start)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root; Debian's package made a user for it."""
    return pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None


def _accepts(is_ready: Path, port: int) -> Callable[[], bool]:
    argv: Argv = [is_ready, "-q", "-h", "127.0.0.1", "-p", str(port)]
    return lambda: subprocess.run(argv, check=False).returncode == 0
