"""How much of the machine is in use: of the container where a control group limits it, else of the host."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from opentelemetry.metrics import Observation

from lapbell import semconv
from lapbell.system import host
from lapbell.system.cgroup import CpuLimit, MemoryLimit, cpu_limit, memory_limit
from lapbell.system.machine import Machine, this_machine

__all__ = ["System"]


class System:
    """Knows how much of the machine is in use.

    Args:
        mount: the file system to watch.
        machine: whose gauges these are; they carry its identity, so that its processes report one machine.
        root: of the file system where the limits of control groups are read.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        mount: str = "/",
        machine: Machine | None = None,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mount = mount
        self._machine = machine or this_machine()
        self._clock = clock
        self._cpu_limit = cpu_limit(root)
        self._memory_limit = memory_limit(root)
        self._before: dict[str, float] = {}

    @property
    def gauges(self) -> tuple[str, ...]:
        """Gauges whose values it knows; CPU and memory where the kernel has /proc."""
        disk = (semconv.SYSTEM_FILESYSTEM_UTILIZATION,)
        if not host.is_readable():
            return disk
        return (semconv.SYSTEM_CPU_UTILIZATION, semconv.SYSTEM_MEMORY_UTILIZATION, *disk)

    def observe(self, gauge: str) -> Iterator[Observation]:
        """The share in use, 0 to 1; of the CPUs by mode, since the last question."""
        match gauge:
            case semconv.SYSTEM_CPU_UTILIZATION:
                yield from self._cpu()
            case semconv.SYSTEM_MEMORY_UTILIZATION:
                attributes = {semconv.SYSTEM_MEMORY_STATE: semconv.MEMORY_USED}
                yield self._observed(self._memory(), attributes, self._memory_limit)
            case _:
                yield self._observed(
                    host.disk(self._mount),
                    {
                        semconv.SYSTEM_FILESYSTEM_MOUNTPOINT: self._mount,
                        semconv.SYSTEM_FILESYSTEM_STATE: semconv.FILESYSTEM_USED,
                    },
                )

    def _cpu(self) -> Iterator[Observation]:
        now = self._times()
        spent, before = {mode: time - self._before.get(mode, 0.0) for mode, time in now.items()}, self._before
        self._before = now
        total = sum(spent.values())
        if before and total > 0:
            for mode, time_spent in spent.items():
                yield self._observed(time_spent / total, {semconv.CPU_MODE: mode}, self._cpu_limit)

    def _times(self) -> dict[str, float]:
        """Time by mode so far, in one unit: what a limited group might have used and has not, it was idle."""
        if self._cpu_limit is None:
            return host.cpu_ticks()
        used = self._cpu_limit.used_s()
        allowed = self._clock() * self._cpu_limit.cpus
        # Quotas are enforced by period, so that for a moment a group may have used more than its share.
        return {**used, "idle": max(self._before.get("idle", float("-inf")), allowed - sum(used.values()))}

    def _memory(self) -> float:
        if self._memory_limit is None:
            return host.memory()
        return self._memory_limit.used() / self._memory_limit.limit

    def _observed(
        self, value: float, attributes: dict[str, str], limit: CpuLimit | MemoryLimit | None = None
    ) -> Observation:
        return Observation(value, {**attributes, **self._machine.identity(is_limited=limit is not None)})
