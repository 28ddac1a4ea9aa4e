"""Machines: processor, memory, disks, each machine once, however many processes report it.

A machine is the container where its limits are what counts, else the host, by name and id: baked images share ids. What
says neither is known by its process.
"""

from collections.abc import Iterator
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import label, metric
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, record, threshold_rules
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "system"
_RATIO: Final = "_ratio"
_HOST: Final = label(semconv.HOST_NAME)
_CONTAINER: Final = label(semconv.CONTAINER_ID)
_MACHINE: Final = f"{_CONTAINER}, {label(semconv.HOST_ID)}, {_HOST}"
_PROCESS: Final = f"job, instance, {_MACHINE}"
_NAME: Final = f"{{{{ or $labels.{_HOST} $labels.{_CONTAINER} $labels.instance }}}}"
_CPU: Final = metric(semconv.SYSTEM_CPU_UTILIZATION, _RATIO)
_MEMORY: Final = metric(semconv.SYSTEM_MEMORY_UTILIZATION, _RATIO)
_DISK: Final = metric(semconv.SYSTEM_FILESYSTEM_UTILIZATION, _RATIO)
_FOR_S: Final = 120.0


def rules(thresholds: Thresholds) -> Iterator[Rule]:
    """CpuUtilization, MemoryUtilization and DiskUtilization."""
    limits = ((WARNING, thresholds.system_utilization_warning), (CRITICAL, thresholds.system_utilization_critical))
    for alert, what, noun, value in (
        ("CpuUtilization", "The processors", "cpu", _busy),
        ("MemoryUtilization", "The memory", "memory", _memory),
        ("DiskUtilization", "A disk", "disk", _disk),
    ):
        recorded = f"machine:{noun}:percent2m"
        whose = (f'{_HOST}!=""', f'{_HOST}="",{_CONTAINER}!=""', f'{_HOST}="",{_CONTAINER}=""')
        yield record(recorded, "\nor ".join(f"max by ({_by(host)}) (100 * ({value(host)}))" for host in whose))
        yield from threshold_rules(
            alert,
            _CATEGORY,
            recorded,
            limits,
            summary=f'{what} of {_NAME}: {{{{ printf "%.0f" $value }}}}% used',
            description=(
                f'{what} of {_NAME}: {{{{ printf "%.1f" $value }}}}% used over the last 2 minutes;'
                " the threshold is THRESHOLD%."
            ),
            for_s=_FOR_S,
        )


def _by(whose: str) -> str:
    return "job, instance" if whose.endswith(f'{_CONTAINER}=""') else _MACHINE


def _busy(whose: str) -> str:
    """The share of time, over 2 minutes, in which the CPUs neither had nothing to do nor waited for a disk."""
    share, cpus = (
        _either(f'{{}}=~"{modes}",{whose}', _CPU, semconv.CPU_MODE) for modes in ("idle|iowait|wait", "idle")
    )
    return f"1 - sum by ({_PROCESS}) ({share}) / count by ({_PROCESS}) ({cpus})"


def _memory(whose: str) -> str:
    return _either(f'{{}}="used",{whose}', _MEMORY, semconv.SYSTEM_MEMORY_STATE)


def _disk(whose: str) -> str:
    return _either(f'{{}}="used",{whose}', _DISK, semconv.SYSTEM_FILESYSTEM_STATE)


def _either(matcher: str, name: str, attribute: str) -> str:
    """The mean over 2 minutes; older conventions call the attribute `state`, and many exporters still do."""
    new, old = (f"avg_over_time({name}{{{matcher.format(state)}}}[2m])" for state in (label(attribute), "state"))
    return f"{new} or {old}"
