"""CPU, memory and disk of the host, read from the kernel's own files."""

import os
from pathlib import Path
from typing import Final

__all__ = ["cpu_ticks", "disk", "is_readable", "memory"]

_STAT: Final = Path("/proc/stat")
_MEMORY: Final = Path("/proc/meminfo")
_GUEST: Final = 8
"""Guest time, from this field of /proc/stat's first line on, is contained in user time, see proc(5)."""


def is_readable() -> bool:
    """Whether the kernel has these files."""
    return _STAT.exists() and _MEMORY.exists()


def cpu_ticks() -> dict[str, float]:
    """Ticks of all CPUs by mode, since the machine was started."""
    fields = _STAT.read_text(encoding="ascii").partition("\n")[0].split()[1:]
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in fields[:_GUEST])
    return {
        "user": user,
        "nice": nice,
        "system": system,
        "idle": idle,
        "iowait": iowait,
        "interrupt": irq + softirq,
        "steal": steal,
    }


def memory() -> float:
    """The share in use, 0 to 1."""
    lines = _MEMORY.read_text(encoding="ascii").splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return 1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]


def disk(mount: str) -> float:
    """Used, of what is used or can be used, 0 to 1: what `df` shows."""
    facts = os.statvfs(mount)
    used = facts.f_blocks - facts.f_bfree
    return used / (used + facts.f_bavail) if used + facts.f_bavail else 0.0
