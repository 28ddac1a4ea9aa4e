"""The shipped rules on series as the receiver makes them: each fires on what it is about, and resolves."""

import bisect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from alertlife.timeline import Timeline, timeline
from lapbell import semconv
from lapbell.semconv import PHASE_BOUNDS_S, REDIS_BOUNDS_S, REQUEST_BOUNDS_S
from lapbell_evaluator.config import Thresholds
from lapbell_evaluator.model import METRIC_NAME, Histogram, Reading, ReadingKind, labels
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.rules import shipped

RULES = shipped(Thresholds())
STEP_S = 5


@dataclass
class Measured:
    """A cumulative histogram that grows, in the form that the sender chose."""

    line: Timeline
    name: str
    bounds: tuple[float, ...]
    own: dict[str, Any]
    is_native: bool = False
    counts: list[int] = field(default_factory=list)
    native: dict[int, int] = field(default_factory=dict)
    total: float = 0.0

    def observe(self, at: float, value: float, times: int = 1) -> None:
        self.total += value * times
        if self.is_native:
            index = int(np.ceil(np.log2(value) * 8))  # schema 3: eight buckets for each power of two
            self.native[index] = self.native.get(index, 0) + times
        else:
            self.counts = self.counts or [0] * (len(self.bounds) + 1)
            self.counts[bisect.bisect_left(self.bounds, value)] += times

    def push(self, at: float) -> None:
        if self.is_native:
            self._push_native(at)
            return
        so_far = 0
        counts = self.counts or [0] * (len(self.bounds) + 1)
        for bound, count in zip((*self.bounds, float("inf")), counts, strict=True):
            so_far += count
            le = "+Inf" if bound == float("inf") else f"{bound:g}"
            self.line.push(at, f"{self.name}_bucket", so_far, le=le, **self.own)
        self.line.push(at, f"{self.name}_count", so_far, **self.own)
        self.line.push(at, f"{self.name}_sum", self.total, **self.own)

    def _push_native(self, at: float) -> None:
        ref = self.line.store.intern(labels({METRIC_NAME: self.name, **self.own}))
        first = min(self.native, default=0)
        counts = [self.native.get(index, 0) for index in range(first, max(self.native, default=-1) + 1)]
        histogram = Histogram(
            schema=3, count=float(sum(counts)), sum=self.total, positive=np.array(counts, float), positive_offset=first
        )
        self.line.store.append_histogram(ref, round(at * 1000), histogram)


def alerts(line: Timeline) -> list[tuple[str, str, str]]:
    return [
        (dict(each.incident.labels)["alertname"], str(each.state), each.incident.severity)
        for each in line.told
        if each.is_news
    ]


async def run(
    line: Timeline, start: int, end: int, *measured: Measured, gauges=None, **values: tuple[float, int]
) -> None:
    """Every five seconds `times` requests that take `value`, for each histogram by its key."""
    for at in range(start, end, STEP_S):
        for each in measured:
            value, times = values.get(each.name, (0.01, 4))
            each.observe(at, value, times)
            each.push(at)
        for name, own, number in gauges or ():
            line.push(at, name, number, **own)
        await line.at(at)


WEB = "webhook_request_duration_seconds"
REDIS = "db_client_operation_duration_seconds"
TASK = "messaging_process_duration_seconds"
ROUTE = {"job": "bot", "http_route": "/webhook/whatsapp", "webhook_outcome": "accepted"}


@pytest.mark.parametrize("is_native", [False, True], ids=["classic", "exponential"])
async def test_a_slow_route_fires_once_and_resolves(is_native, tmp_path):
    async with timeline(tmp_path, RULES) as line:
        web = Measured(line, WEB, REQUEST_BOUNDS_S, ROUTE, is_native)
        await run(line, 0, 60, web)
        await run(line, 60, 120, web, **{WEB: (1.4, 4)})
        (incident,) = await line.alert_service.incidents()
        assert incident.name == "WebhookResponseTime"
        assert incident.incident.severity == "warning"
        assert incident.category == "webhook"
        assert incident.incident.value > 95
        assert incident.message.startswith("/webhook/whatsapp answers slowly: ")
        assert incident.message.endswith("% of the webhooks take over 1s")
        await run(line, 120, 220, web)
        assert alerts(line) == [
            ("WebhookResponseTime", "firing", "warning"),
            ("WebhookResponseTime", "resolved", "warning"),
        ]


async def test_few_failures_are_judged_over_half_an_hour_and_fewer_than_four_not_at_all(tmp_path):
    async with timeline(tmp_path, RULES) as line:
        web = Measured(line, WEB, REQUEST_BOUNDS_S, ROUTE | {"webhook_outcome": "error"})
        fired = []
        for at in range(0, 1500, STEP_S):
            if at % 400 == 100:
                web.observe(at, 0.1)
                fired.append(len(alerts(line)))
            web.push(at)
            await line.at(at)
        fired.append(len(alerts(line)))
        assert fired == [0, 0, 0, 0, 1]
        assert alerts(line) == [("WebhookErrorRate", "firing", "critical")]


@pytest.mark.parametrize("is_native", [False, True], ids=["classic", "exponential"])
async def test_errors_of_a_route_fire_and_their_absence_is_a_rate_of_zero(is_native, tmp_path):
    async with timeline(tmp_path, RULES) as line:
        web = Measured(line, WEB, REQUEST_BOUNDS_S, ROUTE, is_native)
        bad = Measured(line, WEB, REQUEST_BOUNDS_S, ROUTE | {"webhook_outcome": "error"}, is_native)
        await run(line, 0, 60, web)
        for at in range(60, 120, STEP_S):
            bad.observe(at, 0.01)
            bad.push(at)
            web.observe(at, 0.01, 4)
            web.push(at)
            await line.at(at)
        (incident,) = await line.alert_service.incidents()
        assert incident.name == "WebhookErrorRate"
        assert incident.incident.severity == "critical"
        assert 10 < incident.incident.value <= 21
        for at in range(120, 200, STEP_S):
            bad.push(at)
            web.observe(at, 0.01, 4)
            web.push(at)
            await line.at(at)
        assert alerts(line)[-1] == ("WebhookErrorRate", "resolved", "warning")
        assert line.told[-1].incident.value < 5


@pytest.mark.parametrize("is_native", [False, True], ids=["classic", "exponential"])
async def test_a_slow_redis_command_fires_and_a_blocking_one_does_not(is_native, tmp_path):
    server = {"job": "bot", "server_address": "redis", "server_port": "6379", "db_system_name": "redis"}
    async with timeline(tmp_path, RULES) as line:
        slow = Measured(line, REDIS, REDIS_BOUNDS_S, server | {"db_operation_name": "GET"}, is_native)
        blocking = Measured(line, REDIS, REDIS_BOUNDS_S, server | {"db_operation_name": "BLPOP"}, is_native)
        for at in range(0, 60, STEP_S):
            for each in (slow, blocking):
                each.observe(at, 0.3, 4)
                each.push(at)
            await line.at(at)
        (incident,) = await line.alert_service.incidents()
        assert incident.name == "RedisLatency"
        assert dict(incident.incident.labels)["db_operation_name"] == "GET"
        assert incident.message.startswith("Redis GET is slow: 100.0% take over 0.1s")


async def test_failing_redis_operations_fire(tmp_path):
    server = {"job": "bot", "server_address": "redis", "server_port": "6379", "db_system_name": "redis"}
    async with timeline(tmp_path, RULES) as line:
        fine = Measured(line, REDIS, REDIS_BOUNDS_S, server | {"db_operation_name": "GET"})
        failed = Measured(
            line, REDIS, REDIS_BOUNDS_S, server | {"db_operation_name": "GET", "error_type": "TimeoutError"}
        )
        for at in range(0, 120, STEP_S):
            fine.observe(at, 0.001, 11)
            failed.observe(at, 0.001, 1)
            fine.push(at)
            failed.push(at)
            await line.at(at)
        (incident,) = await line.alert_service.incidents()
        assert incident.name == "RedisFailureRate"
        assert incident.incident.severity == "warning"
        assert incident.incident.value == pytest.approx(100 / 12)


def circuit(is_bad):
    own = {"job": "bot", "circuit_breaker_name": "redis-cache", "circuit_breaker_state": "open"}
    return [("circuit_breaker_status", own, int(is_bad))]


def depth(is_bad):
    """Two reporters of the same two queues: 550 messages, not 1,100."""
    own = {"job": "bot", "messaging_destination_name": "tasks", "messaging_queue_message_state": "ready"}
    return [
        ("messaging_queue_messages", own | {"instance": instance, "messaging_queue_priority": priority}, number)
        for instance in ("a", "b")
        for priority, number in (("high", 300 if is_bad else 3), ("low", 250))
    ]


def workers(is_bad):
    own = {"job": "bot", "messaging_destination_name": "tasks"}
    busy = 17 if is_bad else 3
    counts = (("busy", busy), ("idle", 20 - busy))
    return [("messaging_worker_count", own | {"messaging_worker_state": state}, number) for state, number in counts]


def memory(is_bad):
    return [
        ("system_memory_utilization_ratio", {"job": "bot", "instance": "a", "state": "used"}, 0.97 if is_bad else 0.5)
    ]


def processors(is_bad):
    own = {"job": "bot", "instance": "a", "cpu_mode": "idle"}
    idle = (0.1, 0.14) if is_bad else (0.8, 0.9)
    return [("system_cpu_utilization_ratio", own | {"cpu": str(cpu)}, value) for cpu, value in enumerate(idle)]


def disks(is_bad):
    own = {"job": "bot", "instance": "a", "system_filesystem_state": "used"}
    used = (("/", 0.1), ("/data", 0.9 if is_bad else 0.2))
    name = "system_filesystem_utilization_ratio"
    return [(name, own | {"system_filesystem_mountpoint": mount}, value) for mount, value in used]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gauges", "alert", "severity"),
    [
        (circuit, "RedisCircuitOpen", "critical"),
        (depth, "TaskQueueDepth", "warning"),
        (workers, "WorkerUtilization", "warning"),
        (memory, "MemoryUtilization", "critical"),
        (processors, "CpuUtilization", "warning"),
        (disks, "DiskUtilization", "warning"),
    ],
)
async def test_each_gauge_beyond_its_threshold_fires_and_back_below_resolves(gauges, alert, severity, tmp_path):
    async with timeline(tmp_path, RULES) as line:
        await run(line, 0, 200, gauges=gauges(is_bad=True))
        (incident,) = await line.alert_service.incidents()
        assert incident.name == alert
        assert incident.incident.state == "firing"
        assert incident.incident.severity == severity
        await run(line, 200, 400, gauges=gauges(is_bad=False))
        assert await line.alert_service.incidents() == ()
        assert alerts(line)[-1][:2] == (alert, "resolved")


@pytest.mark.slow
async def test_slow_tasks_fire_and_say_which_arm_is_behind(tmp_path):
    own = {"job": "bot", "messaging_destination_name": "tasks"}
    async with timeline(tmp_path, RULES) as line:
        tasks = Measured(line, TASK, PHASE_BOUNDS_S, own)
        await run(line, 0, 60, tasks, gauges=[("messaging_process_timeout_seconds", own, 30)], **{TASK: (28.0, 1)})
        views = {each.name: each for each in await line.alert_service.incidents()}
        assert set(views) == {"TaskProcessingTime", "TaskQueueBackpressure"}
        assert views["TaskQueueBackpressure"].description == (
            "The workers of tasks fall behind: 93% of the timeout is the mean processing time;"
        )
        await run(line, 60, 900, tasks, gauges=[("messaging_process_timeout_seconds", own, 30)], **{TASK: (1.0, 1)})
        assert await line.alert_service.incidents() == ()


async def test_the_evaluator_watches_itself_as_it_watches_everything_else(tmp_path):
    attributes = labels({semconv.LAPBELL_SIGNAL: "metrics"})
    refused = labels({semconv.LAPBELL_SIGNAL: "metrics", semconv.LAPBELL_REASON: "unauthenticated"})
    taken, refusals, failing_s = 0.0, 0.0, 0.0

    def source():
        yield Reading(semconv.LAPBELL_RECEIVER_ITEMS, ReadingKind.COUNTER, "{item}", taken, "", attributes)
        yield Reading(semconv.LAPBELL_RECEIVER_REFUSED_EXPORTS, ReadingKind.COUNTER, "{export}", refusals, "", refused)
        receiver = labels({semconv.LAPBELL_ALERT_RECEIVER: "otlp"})
        yield Reading(semconv.LAPBELL_DELIVERY_FAILING_TIME, ReadingKind.GAUGE, "s", failing_s, "", receiver)
        yield Reading(semconv.LAPBELL_DATABASE_FAILING_TIME, ReadingKind.GAUGE, "s", failing_s, "")

    async with timeline(tmp_path, [RULES[-1]]) as line:
        line.own_series.add(source)
        for at in range(0, 900, STEP_S):
            taken += 100 if at < 300 else 0
            refusals += 1 if at < 120 else 0
            failing_s = at - 500 if 500 <= at < 700 else 0
            await line.at(at)
        fired = {name: (severity, messages) for name, severity, messages in told(line)}
        assert fired == {
            "LapbellRejecting": ("warning", "metrics were not taken: unauthenticated"),
            "LapbellNotReceiving": ("warning", "Nobody has sent metrics for 5 minutes"),
            "LapbellDeliveryFailing": ("warning", "otlp takes no alerts"),
            "LapbellDatabaseDown": ("warning", "The alert database takes nothing"),
        }
        assert [each.name for each in await line.alert_service.incidents()] == ["LapbellNotReceiving"]
        late = 2000
        await line.at(late)
        assert await line.value("lapbell_evaluation_lag_seconds") == [
            ({"__name__": "lapbell_evaluation_lag_seconds", "lapbell_rule_group": "lapbell"}, late - 900.0)
        ]


async def test_a_sender_whose_clock_is_off_is_named_until_it_is_right(tmp_path):
    clocks = SenderClocks()
    async with timeline(tmp_path, [RULES[-1]]) as line:
        line.own_series.add(lambda: clocks.readings(line.clock.now()))
        for at in range(STEP_S, 900, STEP_S):
            now_ms = 1_000 * at
            clocks.shift_ms("shop", "web-1", now_ms + (120_000 if at < 300 else -200), now_ms)
            await line.at(at)
        assert told(line) == [("LapbellClockSkew", "warning", "The clock of shop web-1 is off by 2m 0s")]
        assert [(at, str(state)) for at, state, _, _ in line.news()] == [
            (5, "pending"),
            (65, "firing"),
            (300, "resolved"),
        ]


def told(line: Timeline) -> list[tuple[str, str, str]]:
    fired = [each for each in line.told if each.state == "firing"]
    return [
        (dict(each.incident.labels)["alertname"], each.incident.severity, dict(each.incident.annotations)["summary"])
        for each in fired
    ]
