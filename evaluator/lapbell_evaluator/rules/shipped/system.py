"""Hosts: processor, memory, disks, by service and instance."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import metric
from lapbell_evaluator.rules.threshold_rules import CRITICAL, WARNING, threshold_rules
from lapbell_evaluator.rules.thresholds import Thresholds

__all__ = ["rules"]

_CATEGORY: Final = "system"
_RATIO: Final = "_ratio"
_BY: Final = "by (job, instance)"
_CPU: Final = metric(semconv.SYSTEM_CPU_UTILIZATION, _RATIO)
_MEMORY: Final = metric(semconv.SYSTEM_MEMORY_UTILIZATION, _RATIO)
_DISK: Final = metric(semconv.SYSTEM_FILESYSTEM_UTILIZATION, _RATIO)


def rules(thresholds: Thresholds) -> tuple[Rule, ...]:
    """CpuUtilization, MemoryUtilization and DiskUtilization."""
    values = (
        ("CpuUtilization", "The processors", f"100 * (1 - {_mean('avg', _CPU, 'cpu_mode', 'idle')})"),
        ("MemoryUtilization", "The memory", f"100 * {_mean('max', _MEMORY, 'system_memory_state', 'used')}"),
        ("DiskUtilization", "A disk", f"100 * {_mean('max', _DISK, 'system_filesystem_state', 'used')}"),
    )
    limits = ((WARNING, thresholds.system_utilization_warning), (CRITICAL, thresholds.system_utilization_critical))
    return tuple(
        rule
        for alert, what, value in values
        for rule in threshold_rules(
            alert,
            _CATEGORY,
            f"  {value}",
            limits,
            summary=f'{what} of {{{{ $labels.instance }}}}: {{{{ printf "%.0f" $value }}}}% used',
            description=(
                f'{what} of {{{{ $labels.instance }}}} ({{{{ $labels.job }}}}): {{{{ printf "%.1f" $value }}}}% used'
                " over the last 2 minutes; the threshold is THRESHOLD%."
            ),
            for_s=120.0,
        )
    )


def _mean(over: str, name: str, attribute: str, state: str) -> str:
    """The mean over 2 minutes; older conventions call the attribute `state`, and many exporters still do."""
    new, old = (f'avg_over_time({name}{{{each}="{state}"}}[2m])' for each in (attribute, "state"))
    return f"{over} {_BY} ({new} or {old})"
