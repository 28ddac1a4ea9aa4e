"""Which process has a port, where the kernel tells: Linux, and processes that this user may look at."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Process", "owner_of", "process"]

_PROC: Final = Path("/proc")
_LISTENING: Final = "0A"
_WORDS_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Process:
    """A running process.

    Attributes:
        pid: its number.
        command: its command line, cut.
    """

    pid: int
    command: str

    def ports(self) -> tuple[int, ...]:
        """Where it listens."""
        own = _sockets(self.pid)
        return tuple(sorted({port for port, inode in _listening() if inode in own}))

    def __str__(self) -> str:
        return f"process {self.pid}: {self.command}"


def process(pid: int) -> Process | None:
    """The process of that number; None if there is none, or it can't be looked at."""
    with suppress(OSError):
        words = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").split()
        if words:
            command = " ".join([words[0].rpartition("/")[2], *words[1:]])
            return Process(pid, command if len(command) <= _WORDS_SHOWN else f"{command[:_WORDS_SHOWN]}…")
    return None


def owner_of(port: int) -> Process | None:
    """Who listens on a TCP port of this machine; None where that can't be told."""
    inodes = {inode for listening, inode in _listening() if listening == port}
    if not inodes:
        return None
    pids = (int(folder.name) for folder in _PROC.iterdir() if folder.name.isdecimal())
    return next((process(pid) for pid in pids if _sockets(pid) & inodes), None)


def _listening() -> Iterator[tuple[int, str]]:
    """Ports and inodes of listening sockets. Source: proc_pid_net(5), /proc/net/tcp."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (_PROC / "net" / name).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING:
                    yield int(fields[1].rpartition(":")[2], 16), fields[9]


def _sockets(pid: int) -> set[str]:
    """Inodes of the sockets that a process has open."""
    inodes = set()
    with suppress(OSError):
        for file in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                target = str(file.readlink())
                if target.startswith("socket:["):
                    inodes.add(target[8:-1])
    return inodes
