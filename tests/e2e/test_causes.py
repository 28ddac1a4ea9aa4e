"""Every cause in its turn, with the real Collector and Jaeger: one page each, which names it and opens its traces."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

import httpx
import pytest
import redis.asyncio
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from journey import Evaluator, evaluator
from lapbell import semconv
from lapkit import app_server
from lapkit.causes import PHASES
from peers import SHIPPED_CONFIG, Jaeger, Redis, Sink, collector, jaeger, otlp_sink, redis_server
from peers.inbox import Inbox, Letter, inbox

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SERVER: Final = ["uvicorn", "--port", "{port}", "--log-level", "warning", "lapkit.causes_app:app"]
CALM_S: Final = 80.0
TROUBLE_S: Final = 50.0
APART_S: Final = 0.15
QUICK: Final = dict.fromkeys(PHASES, 0.005)
OTHER: Final = "other"


Took = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Cause:
    """What becomes slow on a route.

    Attributes:
        slow: seconds that phases take longer.
        phase: what is to be blamed.
        every: one of so many webhooks is slow.
    """

    slow: Took
    phase: str
    every: int = 1


CAUSES: Final = {
    **{phase: Cause({phase: 1.2}, phase) for phase in (*PHASES, OTHER)},
    "two_at_once": Cause({semconv.PHASE_CACHE_LOOKUP: 0.9, semconv.PHASE_VALIDATION: 0.6}, semconv.PHASE_CACHE_LOOKUP),
    "one_of_ten": Cause({semconv.PHASE_TASK_QUEUING: 2.4}, semconv.PHASE_TASK_QUEUING, every=10),
}


SHOP: Final = "shop"
ROUTES: Final = {
    SHOP: CAUSES,
    "slow-redis": {"all": Cause({}, semconv.PHASE_CACHE_LOOKUP)},
    "no-redis": {"all": Cause({}, semconv.PHASE_CACHE_LOOKUP)},
    "blocked": {"all": Cause({"blocked": 1.5}, semconv.PHASE_EVENT_LOOP, every=20)},
}
PAUSE_MS: Final = 1_500


@dataclass(frozen=True, slots=True)
class Answered:
    """A webhook as the app itself measured it.

    Attributes:
        at: Unix seconds when it was answered.
        took: seconds by phase.
    """

    at: float
    took: Took


@dataclass(frozen=True, slots=True)
class Driver:
    """Sends webhooks, and keeps what the app says that they took, by route."""

    url: str
    routes: Mapping[str, Cause]
    answered: dict[str, list[Answered]] = field(default_factory=lambda: defaultdict(list))

    async def drive(self, seconds: float, *, is_slow: bool) -> None:
        """Webhooks to every route for a while, as slow as their causes make them."""
        ends, number = time.monotonic() + seconds, 0
        limits = httpx.Limits(keepalive_expiry=1.0)  # uvicorn closes idle connections after five
        async with (
            httpx.AsyncClient(timeout=60.0, trust_env=False, limits=limits) as client,
            asyncio.TaskGroup() as tasks,
        ):
            while time.monotonic() < ends:
                number += 1
                for name, cause in self.routes.items():
                    slow = cause.slow if is_slow and number % cause.every == 0 else {}
                    own = QUICK | {phase: seconds + QUICK.get(phase, 0.0) for phase, seconds in slow.items()}
                    tasks.create_task(self._send(client, name, own))
                await asyncio.sleep(APART_S)

    async def _send(self, client: httpx.AsyncClient, name: str, own: Took) -> None:
        with contextlib.suppress(httpx.TransportError):  # a provider would send it again
            answer = await client.post(f"{self.url}/webhook/{name}", json=own)
            if answer.is_success:
                self.answered[name].append(Answered(time.time(), answer.json()))

    def share(self, name: str, phase: str, began_at: float, until: float) -> float:
        """The phase's share of the time that the webhooks of a route took longer than before."""
        before = mean_of([each.took for each in self.answered[name] if each.at < began_at])
        after = mean_of([each.took for each in self.answered[name] if began_at <= each.at < until])
        excess = {each: max(0.0, after[each] - before[each]) for each in after}
        return excess[phase] / sum(excess.values())


def mean_of(took: Sequence[Took]) -> dict[str, float]:
    return {phase: fmean(each[phase] for each in took) for phase in took[0]}


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs, once there was trouble for a while.

    Attributes:
        judge: the evaluator.
        told: what people were told.
        store: where the Collector sends traces.
        vendor: where another Collector sends the alerts that it gets by OTLP.
        drivers: what truly happened, by service.
        began_at: Unix seconds since which there is trouble.
    """

    judge: Evaluator
    told: Inbox
    store: Jaeger
    vendor: Sink
    drivers: Mapping[str, Driver]
    began_at: float

    def pages(self, **labels: str) -> list[Letter]:
        """What people were told about a service or a route."""
        wanted = labels.items()
        return [
            letter
            for letter in self.told.letters
            if any(wanted <= alert["labels"].items() for alert in letter.document["alerts"])
        ]

    def alert(self, name: str) -> dict[str, Any]:
        """The only alert of the only page about a route of the shop."""
        (letter,) = self.pages(job=SHOP, http_route=f"/webhook/{name}")
        (alert,) = letter.document["alerts"]
        return dict(alert)


async def drive(drivers: Mapping[str, Driver], seconds: float, *, is_slow: bool) -> None:
    async with asyncio.TaskGroup() as tasks:
        for driver in drivers.values():
            tasks.create_task(driver.drive(seconds, is_slow=is_slow))


async def trouble(drivers: Mapping[str, Driver], slow: Redis, down: Redis) -> None:
    """Slow phases, a Redis that pauses, one that is no more, a blocked loop, all at once."""
    down.process.kill()
    async with redis.asyncio.Redis.from_url(slow.url) as client:
        pausing = asyncio.create_task(pause(client))
        await drive(drivers, TROUBLE_S, is_slow=True)
        pausing.cancel()


async def pause(client: redis.asyncio.Redis) -> None:
    """Let Redis answer nobody for most of the time."""
    while True:
        await client.client_pause(PAUSE_MS)
        await asyncio.sleep(1.1 * PAUSE_MS / 1000)


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    with contextlib.ExitStack() as stack:
        told = stack.enter_context(inbox())
        store = stack.enter_context(jaeger())
        receivers = f'[{{"name": "pager", "webhook": {{"url": "{told.url}"}}}}]'
        vendor = stack.enter_context(otlp_sink())
        wares = {"LAPBELL_VENDOR_ENDPOINT": vendor.url, "LAPBELL_VENDOR_HEADERS": "{}"}
        backend = stack.enter_context(collector(wares, SHIPPED_CONFIG.with_name("vendor.yaml")))
        export = {"LAPBELL_EXPORT__ENDPOINT": backend.http, "LAPBELL_EXPORT__PROTOCOL": "http/protobuf"}
        judge = stack.enter_context(evaluator({"LAPBELL_RECEIVERS": receivers, **export}))
        ways = {"LAPBELL_EVALUATOR": judge.otlp_http, "LAPBELL_JAEGER": f"127.0.0.1:{store.otlp_port}"}
        way = stack.enter_context(collector(ways))
        slow, down = (stack.enter_context(redis_server()) for _ in range(2))
        services = {SHOP: {}, "slow-redis": {"REDIS_URL": slow.url}, "no-redis": {"REDIS_URL": down.url}, "blocked": {}}
        drivers = {}
        for name, more in services.items():
            env = {"OTEL_EXPORTER_OTLP_ENDPOINT": way.http, "OTEL_SERVICE_NAME": name, **more}
            drivers[name] = Driver(stack.enter_context(app_server(SERVER, env)).url, ROUTES[name])
        asyncio.run(drive(drivers, CALM_S, is_slow=False))
        began_at = time.time()
        asyncio.run(trouble(drivers, slow, down))
        yield Stage(judge, told, store, vendor, drivers, began_at)


@pytest.mark.parametrize("name", CAUSES)
def test_a_slow_phase_is_one_page_that_names_it(on, name):
    alert = on.alert(name)
    print(
        f"{name}: told after {on.pages(job=SHOP, http_route=alert['labels']['http_route'])[0].at - on.began_at:.1f} s"
    )
    assert alert["phase"] == CAUSES[name].phase


@pytest.mark.parametrize("name", CAUSES)
def test_its_share_is_what_the_app_itself_measured(on, name):
    alert = on.judge.ask(f"alerts/{on.alert(name)['alertKey']}")
    truth = on.drivers[SHOP].share(name, CAUSES[name].phase, on.began_at, alert["fired_at"])
    said = next(blamed["share"] for blamed in alert["blame"] if blamed["phase"] == CAUSES[name].phase)
    print(f"{name}: {said:.1%} where {truth:.1%} are true, {on.alert(name)['phaseShare']:.1%} in the first message")
    assert said == pytest.approx(truth, abs=0.1)


@pytest.mark.parametrize("name", CAUSES)
def test_its_traces_are_of_the_trouble_and_open_in_jaeger_and_with_us(on, name):
    alert = on.alert(name)
    on.store.process.wait_until(lambda: all(found(on.store, each) for each in alert["traceIds"]))
    answers = [httpx.get(url, timeout=60.0, trust_env=False).json() for url in alert["traceUrls"]]
    ours = [answer["start"] for answer in answers]
    theirs = [min(span["startTime"] for span in found(on.store, each)) / 1e6 for each in alert["traceIds"]]
    assert len(ours) > 1
    assert min(ours) > on.began_at - 1.0
    assert theirs == pytest.approx(ours, abs=0.001)


@pytest.mark.parametrize(
    ("service", "cause", "names"),
    [
        ("slow-redis", "GET, ", {"RedisLatency", "WebhookResponseTime"}),
        ("no-redis", "connection refused (", {"RedisFailureRate", "WebhookErrorRate"}),
        ("blocked", "the event loop is blocked by wait (lapkit/causes_app.py:", {"EventLoopBlocked"}),
    ],
)
def test_a_trouble_of_the_whole_service_is_one_problem_whose_pages_name_its_cause(on, service, cause, names):
    pages = [letter for letter in on.pages(job=service) if letter.document["isPage"]]
    print(
        f"{service}: told after {pages[0].at - on.began_at:.1f} s, pages: {[page.document['status'] for page in pages]}"
    )
    first = pages[0].document["alerts"][0]
    assert first["cause"].startswith(cause)
    assert len({page.document["groupKey"] for page in pages}) == 1
    alerts = [alert for alert in on.judge.ask("alerts")["alerts"] if alert["labels"].get("job") == service]
    assert {alert["alertname"] for alert in alerts} >= names
    assert len({alert["problem_id"] for alert in alerts if alert["alertname"] in names}) == 1


@pytest.mark.parametrize("name", CAUSES)
def test_its_log_record_reaches_a_vendor_through_the_collector_with_the_id_of_a_trace_that_proves_it(on, name):
    alert = on.alert(name)
    on.vendor.wait_until(lambda _: records_of(on, alert["transitionId"]), within_s=100.0)
    (record,) = records_of(on, alert["transitionId"])
    assert record.event_name == "lapbell.alert.firing"
    assert record.trace_id.hex() in alert["traceIds"]


def records_of(on: Stage, transition_id: str) -> list[LogRecord]:
    """The log records of a move of an alert that the vendor has."""
    return [
        record
        for record in on.vendor.log_records
        if any(
            each.key == semconv.LAPBELL_ALERT_TRANSITION_ID and each.value.string_value == transition_id
            for each in record.attributes
        )
    ]


def found(store: Jaeger, trace_id: str) -> list[Any]:
    """The spans of a trace, if the store has it."""
    answer = httpx.get(f"http://127.0.0.1:{store.query_port}/api/traces/{trace_id}", timeout=60.0, trust_env=False)
    return answer.json()["data"][0]["spans"] if answer.is_success else []
