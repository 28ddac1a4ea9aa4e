"""The shipped system rules read what the library itself sends."""

import pytest

from alertlife.timeline import timeline
from lapbell import semconv
from lapbell.system import System
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.evaluation.compiled import compile_groups
from lapbell_evaluator.model.prometheus_names import label, metric
from lapbell_evaluator.rules import shipped

GAUGES = (
    semconv.SYSTEM_CPU_UTILIZATION,
    semconv.SYSTEM_MEMORY_UTILIZATION,
    semconv.SYSTEM_FILESYSTEM_UTILIZATION,
)
RULES = {
    rule.rule.name: rule
    for group in compile_groups(shipped(Thresholds()), 5.0)
    for rule in group.rules
    if rule.is_alerting
}


def pushed(line, system: System, at: float) -> None:
    for gauge in GAUGES:
        for seen in system.observe(gauge):
            own = {label(name): str(value) for name, value in (seen.attributes or {}).items()}
            line.push(at, metric(gauge, "_ratio"), seen.value, job="bot", instance="a", **own)


def busy() -> int:
    """Lets the kernel count some ticks of work, so that there is something between two looks."""
    return sum(number * number for number in range(3_000_000))


@pytest.mark.parametrize("alert", ["CpuUtilization", "MemoryUtilization", "DiskUtilization"])
async def test_a_system_rule_has_a_value_for_what_the_library_sends(tmp_path, alert):
    system = System()
    async with timeline(tmp_path, []) as line:
        for at in (10.0, 20.0):
            pushed(line, system, at)
            busy()
        pushed(line, system, 30.0)
        line.clock.at = 30.0
        ((labels, value),) = await line.value(str(RULES[alert].value_expr))
    assert labels.keys() in ({"host_id", "host_name"}, {"host_name"}, {"container_id"})
    assert 0 <= value <= 100
