"""Hosts: processor, memory, disks, by service and instance."""

from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Rule
from lapbell_evaluator.model.prometheus_names import label, metric
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
        ("CpuUtilization", "The processors", f"100 * (1 - {_idle()})"),
        ("MemoryUtilization", "The memory", f"100 * {_used(_MEMORY, semconv.SYSTEM_MEMORY_STATE)}"),
        ("DiskUtilization", "A disk", f"100 * {_used(_DISK, semconv.SYSTEM_FILESYSTEM_STATE)}"),
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


def _idle() -> str:
    """The share of time, over 2 minutes, in which the CPUs had nothing to do or waited for a disk."""
    share, cpus = (_either(f'{{}}=~"{modes}"', _CPU, semconv.CPU_MODE) for modes in ("idle|iowait|wait", "idle"))
    return f"sum {_BY} ({share}) / count {_BY} ({cpus})"


def _used(name: str, attribute: str) -> str:
    either = _either('{}="used"', name, attribute)
    return f"max {_BY} ({either})"


def _either(matcher: str, name: str, attribute: str) -> str:
    """The mean over 2 minutes; older conventions call the attribute `state`, and many exporters still do."""
    new, old = (f"avg_over_time({name}{{{matcher.format(each)}}}[2m])" for each in (label(attribute), "state"))
    return f"{new} or {old}"
