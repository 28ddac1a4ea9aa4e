"""The limits that a control group sets to this process, and how much of them is used; versions 1 and 2.

See cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v2.rst. A limit of an ancestor limits as well, so from
the process's own group up to the root the tightest one counts, and usage is read where that limit is set.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["CpuLimit", "MemoryLimit", "cpu_limit", "memory_limit"]

_SELF: Final = "proc/self/cgroup"
_MOUNT: Final = "sys/fs/cgroup"
_MICROSECOND: Final = 1e-6
_NANOSECOND: Final = 1e-9


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """How many CPUs a group may use.

    Attributes:
        cpus: how many, fractions included.
        folder: where usage is read.
        version: 1 or 2.
    """

    cpus: float
    folder: Path
    version: int

    def used_s(self) -> dict[str, float]:
        """Seconds of CPU that the group has used, by mode: user and system."""
        if self.version == 2:
            stat = _table(self.folder / "cpu.stat")
            return {mode: stat[f"{mode}_usec"] * _MICROSECOND for mode in ("user", "system")}
        files = {"user": "cpuacct.usage_user", "system": "cpuacct.usage_sys"}
        return {mode: int((self.folder / file).read_text("ascii")) * _NANOSECOND for mode, file in files.items()}


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """How much memory a group may use.

    Attributes:
        limit: bytes.
        folder: where usage is read.
        version: 1 or 2.
    """

    limit: int
    folder: Path
    version: int

    def used(self) -> int:
        """Bytes in use; without the part of the page cache that is given back at once when memory is needed."""
        now, cache = ("memory.current", "inactive_file")
        if self.version == 1:
            now, cache = ("memory.usage_in_bytes", "total_inactive_file")
        used = int((self.folder / now).read_text("ascii"))
        return max(0, used - _table(self.folder / "memory.stat").get(cache, 0))


def cpu_limit(root: Path = Path("/")) -> CpuLimit | None:
    """The tightest limit of CPU, None if there is none below the CPUs of the machine.

    Args:
        root: of the file system.
    """
    limits = [*_cpu_limits_2(root), *_cpu_limits_1(root)]
    tightest = min(limits, key=lambda limit: limit.cpus, default=None)
    return tightest if tightest is not None and tightest.cpus < (os.cpu_count() or 1) else None


def memory_limit(root: Path = Path("/")) -> MemoryLimit | None:
    """The tightest limit of memory, None if there is none below the memory of the machine.

    Args:
        root: of the file system.
    """
    limits = [*_memory_limits(root, 2, "", "memory.max"), *_memory_limits(root, 1, "memory", "memory.limit_in_bytes")]
    tightest = min(limits, key=lambda limit: limit.limit, default=None)
    machine = _table(root / "proc/meminfo").get("MemTotal", 0) * 1_024
    return tightest if tightest is not None and (not machine or tightest.limit < machine) else None


def _cpu_limits_2(root: Path) -> Iterator[CpuLimit]:
    for folder in _folders(root, ""):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            yield CpuLimit(int(quota) / int(period), folder, 2)


def _cpu_limits_1(root: Path) -> Iterator[CpuLimit]:
    accounts = list(_folders(root, "cpuacct"))
    for number, folder in enumerate(_folders(root, "cpu")):
        quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
        if quota.isdigit() and period.isdigit() and number < len(accounts):
            yield CpuLimit(int(quota) / int(period), accounts[number], 1)


def _memory_limits(root: Path, version: int, controller: str, file: str) -> Iterator[MemoryLimit]:
    for folder in _folders(root, controller):
        text = _text(folder / file)
        if text.isdigit():
            yield MemoryLimit(int(text), folder, version)


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """From the process's own group up to the root's; in a container the path may be one that is seen outside alone.

    Args:
        root: of the file system.
        controller: of version 1; empty for version 2.
    """
    mount = root / _MOUNT / controller if controller else root / _MOUNT
    if controller == "" and not (mount / "cgroup.controllers").exists():
        mount = mount / "unified"
    path = _path_of(root, controller)
    if path is None:
        return
    own = mount / path.lstrip("/")
    yield own if own.exists() else mount
    while own.exists() and own != mount:
        own = own.parent
        yield own


def _path_of(root: Path, controller: str) -> str | None:
    for line in _text(root / _SELF).splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


def _table(file: Path) -> dict[str, int]:
    """Lines of a name and a number, as the kernel writes them."""
    lines = (line.replace(":", " ").split() for line in _text(file).splitlines())
    return {fields[0]: int(fields[1]) for fields in lines if len(fields) > 1 and fields[1].isdigit()}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""  # this version, or this controller, is not there
