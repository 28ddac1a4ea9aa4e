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
_IDLE: Final = slice(3, 5)
"""Fields of /proc/stat's first line: user nice system IDLE IOWAIT irq softirq steal ..., see proc(5)."""
_GUEST: Final = 8
"""Guest time, from this field on, is contained in user time."""


class System:
    """Knows how much of the machine is in use.

    Args:
        mount: the file system to watch.
    """

    def __init__(self, mount: str = "/") -> None:
        self._mount = mount
        self._before = (0, 0)

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges whose values it knows; CPU and memory where the kernel has /proc."""
        disk = (semconv.SYSTEM_FILESYSTEM_UTILIZATION,)
        if not (_STAT.exists() and _MEMORY.exists()):
            return disk
        return (semconv.SYSTEM_CPU_UTILIZATION, semconv.SYSTEM_MEMORY_UTILIZATION, *disk)

    def observe(self, gauge: str) -> Iterator[Observation]:
        """The share in use, 0 to 1; of the CPUs since the last question."""
        match gauge:
            case semconv.SYSTEM_CPU_UTILIZATION:
                yield from self._cpu()
            case semconv.SYSTEM_MEMORY_UTILIZATION:
                yield Observation(_memory(), {semconv.SYSTEM_MEMORY_STATE: semconv.MEMORY_USED})
            case _:
                yield Observation(_disk(self._mount), {semconv.SYSTEM_FILESYSTEM_MOUNTPOINT: self._mount})

    def _cpu(self) -> Iterator[Observation]:
        ticks = [int(each) for each in _STAT.read_text(encoding="ascii").partition("\n")[0].split()[1 : _GUEST + 1]]
        total, idle = sum(ticks), sum(ticks[_IDLE])
        (total_before, idle_before), self._before = self._before, (total, idle)
        if total > total_before and total_before:
            yield Observation(1 - (idle - idle_before) / (total - total_before))


def _memory() -> float:
    lines = _MEMORY.read_text(encoding="ascii").splitlines()
    kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return 1 - kilobytes["MemAvailable"] / kilobytes["MemTotal"]


def _disk(mount: str) -> float:
    """Used, of what is used or can be used: what `df` shows."""
    facts = os.statvfs(mount)
    used = facts.f_blocks - facts.f_bfree
    return used / (used + facts.f_bavail) if used + facts.f_bavail else 0.0
