"""CPU, memory and disk of the machine, read from the kernel's own files."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from opentelemetry.metrics import Observation

from lapbell import semconv

__all__ = ["System"]

_STAT: Final = Path("/proc/stat")
_MEMORY: Final = Path("/proc/meminfo")
_GUEST: Final = 8
"""Guest time, from this field of /proc/stat's first line on, is contained in user time, see proc(5)."""


class System:
    """Knows how much of the machine is in use.

    Args:
        mount: the file system to watch.
    """

    def __init__(self, mount: str = "/") -> None:
        self._mount = mount
        self._disk_attributes = {
            semconv.SYSTEM_FILESYSTEM_MOUNTPOINT: mount,
            semconv.SYSTEM_FILESYSTEM_STATE: semconv.FILESYSTEM_USED,
        }
        self._before: dict[str, int] = {}
        self._has_looked = False

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges whose values it knows; CPU and memory where the kernel has /proc."""
        disk = (semconv.SYSTEM_FILESYSTEM_UTILIZATION,)
        if not (_STAT.exists() and _MEMORY.exists()):
            return disk
        return (semconv.SYSTEM_CPU_UTILIZATION, semconv.SYSTEM_MEMORY_UTILIZATION, *disk)

    def observe(self, gauge: str) -> Iterator[Observation]:
        """The share in use, 0 to 1; of the CPUs by mode, since the last question."""
        match gauge:
            case semconv.SYSTEM_CPU_UTILIZATION:
                yield from self._cpu()
            case semconv.SYSTEM_MEMORY_UTILIZATION:
                yield Observation(_memory(), {semconv.SYSTEM_MEMORY_STATE: semconv.MEMORY_USED})
            case _:
                yield Observation(_disk(self._mount), self._disk_attributes)

    def _cpu(self) -> Iterator[Observation]:
        now = _ticks()
        spent, self._before = {mode: ticks - self._before.get(mode, 0) for mode, ticks in now.items()}, now
        total = sum(spent.values())
        if self._has_looked and total > 0:
            for mode, ticks in spent.items():
                yield Observation(ticks / total, {semconv.CPU_MODE: mode})
        self._has_looked = True


def _ticks() -> dict[str, int]:
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


def _memory() -> float:
    lines = _MEMORY.read_text(encoding="ascii").splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return 1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]


def _disk(mount: str) -> float:
    """Used, of what is used or can be used: what `df` shows."""
    facts = os.statvfs(mount)
    used = facts.f_blocks - facts.f_bfree
    return used / (used + facts.f_bavail) if used + facts.f_bavail else 0.0
