"""Cases in which alerts rang wrong, as people reported them: each as it happened, and what it has to be."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from alertlife.timeline import Timeline, timeline
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.rules import shipped

RULES = [group for group in shipped(Thresholds()) if group.name == "lapbell-webhook"]
SYSTEM_RULES = [group for group in shipped(Thresholds()) if group.name == "lapbell-system"]
WEB = "webhook_request_duration_seconds"


@dataclass
class Route:
    """A route whose process exports its counters, with what has come in so far."""

    line: Timeline
    step_s: int = 5
    fast: int = 0
    slow: int = 0
    failed: int = 0
    at: int = 0
    open_at: list[int] = field(default_factory=list)

    async def exports(self, count: int, *, fast: int = 0, slow: int = 0, failed: int = 0) -> None:
        """So many exports, each with so many more requests."""
        for _ in range(count):
            self.fast, self.slow, self.failed = self.fast + fast, self.slow + slow, self.failed + failed
            for outcome, within, count_ in (
                ("accepted", self.fast, self.fast + self.slow),
                ("error", self.failed, self.failed),
            ):
                own: dict[str, Any] = {"job": "bot", "instance": "1", "http_route": "/w", "webhook_outcome": outcome}
                self.line.push(self.at, f"{WEB}_count", count_, **own)
                for bound in ("1", "3"):
                    self.line.push(self.at, f"{WEB}_bucket", within, le=bound, **own)
            await self.line.at(self.at)
            if any(each.incident.state == "firing" for each in await self.line.alert_service.incidents()):
                self.open_at.append(self.at)
            self.at += self.step_s

    @property
    def firings(self) -> list[str]:
        """How often which alert began to fire."""
        began = [each for each in self.line.told if each.state == "firing" and each.previous != "firing"]
        return [dict(each.incident.labels)["alertname"] for each in began]


async def test_four_slow_then_twenty_eight_fast_then_silence_is_one_incident_that_the_fast_ones_end(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        route = Route(line)
        await route.exports(1)
        await route.exports(4, slow=1)
        await route.exports(28, fast=1)
        fast_until = route.at
        await route.exports(12 * 20)
        assert route.firings == ["WebhookResponseTime"]
        assert max(route.open_at) < fast_until


async def test_four_slow_among_twenty_eight_fast_are_chance(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        route = Route(line)
        await route.exports(4, slow=1, fast=7)
        await route.exports(12 * 20)
        assert route.firings == []


async def test_an_outage_that_is_over_does_not_page_again_when_traffic_falls(tmp_path):
    async with timeline(tmp_path, RULES, interval_s=15.0) as line:
        route = Route(line, step_s=15)
        await route.exports(1)
        await route.exports(4, failed=25)
        await route.exports(10, fast=25)
        await route.exports(40)
        assert route.firings == ["WebhookErrorRate"]
        assert max(route.open_at) < 180


async def test_a_burst_of_failures_of_twenty_four_seconds_is_one_incident(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        route = Route(line)
        await route.exports(24, fast=2)
        await route.exports(5, failed=2)
        await route.exports(24, fast=2)
        await route.exports(60, fast=0)
        await route.exports(24, fast=1)
        assert route.firings == ["WebhookErrorRate"]


@pytest.mark.parametrize("minutes", [14, 16])
async def test_without_any_request_an_incident_is_idle_after_a_quarter_of_an_hour(minutes, tmp_path):
    async with timeline(tmp_path, RULES, interval_s=15.0) as line:
        route = Route(line, step_s=15)
        await route.exports(1)
        await route.exports(4, failed=5)
        await route.exports(4 * (1 + minutes))
        reasons = {str(each.reason) for each in line.told if each.previous == "firing" and each.state != "firing"}
        assert reasons == ({"idle"} if minutes > 15 else set())


MACHINE = {"host_id": "f00d", "host_name": "web-1"}


async def eight_workers(line: Timeline, seconds: range, utilization: float, *, workers: int = 8) -> None:
    """Every process of one app on one machine says what the machine's processors do."""
    for at in seconds:
        for number in range(workers):
            own: dict[str, Any] = {"job": "bot", "instance": f"worker-{number}"} | MACHINE
            line.push(at, "system_cpu_utilization_ratio", utilization, cpu_mode="user", **own)
            line.push(at, "system_cpu_utilization_ratio", 1 - utilization, cpu_mode="idle", **own)
        await line.at(at)


def machine_firings(line: Timeline) -> list[dict[str, str]]:
    """The labels of each CpuUtilization that receivers were paged for."""
    began = [each for each in line.told if each.state == "firing" and each.previous != "firing"]
    return [dict(each.incident.labels) for each in began]


async def test_a_busy_machine_with_eight_workers_is_one_incident_with_the_name_of_the_machine(tmp_path):
    async with timeline(tmp_path, SYSTEM_RULES) as line:
        await eight_workers(line, range(0, 400, 5), 0.99)
        (labels,) = machine_firings(line)
        names = {name: labels.get(name) for name in ("alertname", "host_name", "instance")}
        assert names == {"alertname": "CpuUtilization", "host_name": "web-1", "instance": None}


async def test_a_process_that_died_busy_keeps_no_alert_of_its_machine_firing(tmp_path):
    async with timeline(tmp_path, SYSTEM_RULES) as line:
        await eight_workers(line, range(0, 400, 5), 0.99)
        await eight_workers(line, range(400, 700, 5), 0.1, workers=7)
        assert [str(each.state) for each in line.told] == ["pending", "firing", "resolved"]
