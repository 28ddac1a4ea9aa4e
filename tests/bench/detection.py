"""How long after a rule's condition holds a webhook is told: lapbell beside Prometheus and Alertmanager, in one run.

`detection.py [--routes N] [--rate R]` runs two apps of N routes and N queues, and sends both the same R webhooks a
second, evenly over the routes. One app sends to the shipped Collector, which sends to an evaluator, all of default
settings. The other shows the same metrics to two Prometheus servers with the same rules, each with an Alertmanager: of
usual settings (15 s, 15 s, `group_wait` 30 s), and as fast as they go (1 s, 1 s, 0 s). In turn each route becomes slow,
then each fails, then each queue is filled. The clock runs from the moment at which the rule's condition holds by the
app's own record, of the queue from the moment at which Redis has its 501st message, until the webhook has come. Groups
of Alertmanager are of one alert each, so that none waits for the interval of another's.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import redis

from detection_kit.oracle import beyond_chance, first_breach, requests_of
from detection_kit.systems import Pace, Watched, lapbell_watches, prometheus_watches, scraped_app, shipped_rules
from peers.answering import Answer, answering
from peers.answering import Request as Message

LAPBELL, USUAL, FASTEST = "lapbell", "usual", "fastest"
PACES: Final = {USUAL: Pace("15s", "30s", "5m"), FASTEST: Pace("1s", "0s", "1s")}
RULES: Final = {"latency": "WebhookResponseTime", "errors": "WebhookErrorRate", "queue": "TaskQueueDepth"}
TROUBLES: Final = {"latency": {"seconds": "1.2"}, "errors": {"status": "500"}}
"""What webhooks are asked to do."""
WARM_S, LOOK_S, SLACK_S, LAST_S = 70.0, 0.5, 1.5, 75.0
IS_BAD: Final = {"latency": attrgetter("is_slow"), "errors": attrgetter("failed")}
MESSAGES = 501
MOMENTS: Final = {
    "first_bad_sample_at": "sample taken",
    "received_at": "received",
    "evaluated_at": "evaluated",
    "sent_at": "sent",
}

Held = dict[tuple[str, str], float]
"""Unix seconds when the condition of a rule began to hold for a route or queue."""
Told = dict[tuple[str, str, str], float]
"""Unix seconds when a system first told of a rule and a route or queue."""


@dataclass
class Run:
    """What is sent, and what was told.

    Attributes:
        trouble: what webhooks of a route are asked to do, by its number.
        began: Unix seconds when a rule's turn of a route or queue began.
        filled: Unix seconds when a queue had its last message, by system and queue.
        told: see `Told`.
    """

    trouble: dict[int, dict[str, str]] = field(default_factory=dict)
    began: dict[tuple[str, str], float] = field(default_factory=dict)
    filled: dict[tuple[str, str], float] = field(default_factory=dict)
    told: Told = field(default_factory=dict)

    def hear(self, message: Message) -> Answer:
        """Note which alerts a system tells of; its name is the path."""
        now = time.time()
        for alert in json.loads(message.body)["alerts"]:
            key = (rule_of(alert["labels"]), about(alert["labels"]))
            if alert["status"] == "firing" and key in self.began:
                self.told.setdefault((message.path[1:], *key), now)
        return Answer()


def rule_of(labels: dict[str, str]) -> str:
    """The rule of an alert; empty if it is none of ours."""
    return next((rule for rule, name in RULES.items() if name == labels["alertname"]), "")


def about(labels: dict[str, str]) -> str:
    """The route or the queue of an alert."""
    return labels.get("http_route", "").rpartition("/")[2] or labels.get("messaging_destination_name", "")


async def sending(run: Run, apps: tuple[Watched, ...], routes: int, rate: float) -> None:
    """Webhooks to every app, the same at the same times, whether or not earlier ones are answered."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    async with httpx.AsyncClient(timeout=60.0, trust_env=False, limits=limits) as client, asyncio.TaskGroup() as tasks:
        began = time.monotonic()
        number = 0
        while True:
            route = number % routes
            for app in apps:
                tasks.create_task(_sent(client, f"{app.url}/webhook/route{route}", run.trouble.get(route, {})))
            number += 1
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))


async def _sent(client: httpx.AsyncClient, url: str, trouble: dict[str, str]) -> None:
    with suppress(httpx.TransportError):  # what is not answered is not in the record either
        await client.post(url, params=trouble)


async def play(run: Run, apps: dict[str, Watched], routes: int, rate: float) -> None:
    """Each rule's turns, one after the other."""
    longest_s = 3 * (2 + max(0.05 * 60 * rate / routes, beyond_chance(round(60 * rate / routes)))) * routes / rate
    await asyncio.sleep(WARM_S)
    for rule, trouble in TROUBLES.items():
        for route in range(routes):
            run.began[rule, f"route{route}"] = time.time()
            run.trouble[route] = dict(trouble)
            for _ in range(round(longest_s / LOOK_S)):
                await asyncio.sleep(LOOK_S)
                if await asyncio.to_thread(holds, run, apps, (rule, f"route{route}")):
                    break
            await asyncio.sleep(SLACK_S)
            del run.trouble[route]
    for number in range(routes):
        queue = f"queue{number}"
        run.began["queue", queue] = time.time()
        for name, app in apps.items():
            await asyncio.to_thread(_fill, app.redis_url, queue)
            run.filled[name, queue] = time.time()
        await asyncio.sleep(SLACK_S)
    await asyncio.sleep(LAST_S)


def _fill(url: str, queue: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.lpush(queue, *(json.dumps({"number": number}) for number in range(MESSAGES)))


def holds(run: Run, apps: dict[str, Watched], key: tuple[str, str]) -> bool:
    """Whether the condition of a rule has held for a route by now, by the record of every app."""
    rule, where = key
    records = (requests_of(app.record) for app in apps.values())
    return all(first_breach(record, where, IS_BAD[rule], run.began[key]) is not None for record in records)


def conditions(run: Run, name: str, app: Watched) -> Held:
    """When each rule's condition began to hold, by what an app of this name did."""
    requests = requests_of(app.record)
    held = {
        (rule, about): run.filled[name, about]
        if rule == "queue"
        else first_breach(requests, about, IS_BAD[rule], since)
        for (rule, about), since in run.began.items()
    }
    return {key: at for key, at in held.items() if at is not None}


def report(run: Run, apps: dict[str, Watched]) -> None:
    """A line for each rule and system."""
    print(f"{'rule':<9} {'system':<9} {'told':>7} {'median':>8} {'max':>8} {'min':>8}")
    for rule in RULES:
        for system in (LAPBELL, USUAL, FASTEST):
            name = LAPBELL if system == LAPBELL else FASTEST
            held = {key: at for key, at in conditions(run, name, apps[name]).items() if key[0] == rule}
            delays = [run.told[system, *key] - at for key, at in held.items() if (system, *key) in run.told]
            told = f"{len(delays)}/{len(held)}"  # of those whose condition held at all
            if delays:
                figures = " ".join(
                    f"{value:>6.2f} s" for value in (statistics.median(delays), max(delays), min(delays))
                )
                print(f"{rule:<9} {system:<9} {told:>7} {figures}")
            else:
                print(f"{rule:<9} {system:<9} {told:>7}")


async def moments(rest: str) -> dict[tuple[str, str], dict[str, float | None]]:
    """The timeline of the evaluator's own incidents, by rule and route or queue."""
    async with httpx.AsyncClient(timeout=60.0, trust_env=False) as client:
        answer = (await client.get(f"{rest}/alerts", params={"window": "1h"})).raise_for_status().json()
        found = {}
        for listed in (*answer["recently_resolved"], *answer["alerts"]):
            key = (rule_of(listed["labels"]), about(listed["labels"]))
            shown = await client.get(f"{rest}/alerts/{listed['alert_key']}")
            found[key] = shown.raise_for_status().json()["timeline"]
    return found


def report_parts(run: Run, held: Held, timelines: dict[tuple[str, str], dict[str, float | None]]) -> None:
    """Where lapbell's seconds went: medians from one moment to the next."""
    print(f"{'rule':<9} {' '.join(f'{name:>18}' for name in MOMENTS.values())} {'told':>18}")
    for rule in RULES:
        steps: list[list[float]] = []
        for key, at in held.items():
            timeline = timelines.get(key, {})
            known = [timeline.get(name) for name in MOMENTS]
            told = run.told.get((LAPBELL, *key))
            if key[0] == rule and told is not None and None not in known:
                ways = [at, *(moment for moment in known if moment is not None), told]
                steps.append([after - before for before, after in pairwise(ways)])
        medians = (statistics.median(step) for step in zip(*steps, strict=True))
        print(f"{rule:<9} {' '.join(f'{step:>16.2f} s' for step in medians)}")


@asynccontextmanager
async def stage(folder: Path, routes: int, told: str) -> AsyncIterator[dict[str, Watched]]:
    """Everything that runs; starting it blocks, and nothing else is to be done meanwhile."""
    async with AsyncExitStack() as stops:
        sent = stops.enter_context(lapbell_watches(folder, routes, f"{told}/{LAPBELL}"))
        scraped = stops.enter_context(scraped_app(folder, routes))
        rules = shipped_rules(folder)
        for name, pace in PACES.items():
            stops.enter_context(prometheus_watches(scraped, rules, pace, f"{told}/{name}"))
        yield {LAPBELL: sent, FASTEST: scraped}


async def main(routes: int, rate: float) -> None:
    """One run, and its figures."""
    run = Run()
    with tempfile.TemporaryDirectory(prefix="lapbell-detection-") as name:
        async with answering(run.hear) as told, stage(Path(name), routes, told) as apps:
            load = asyncio.create_task(sending(run, tuple(apps.values()), routes, rate))
            await play(run, apps, routes, rate)
            load.cancel()
            with suppress(asyncio.CancelledError):
                await load
            print(f"{routes} routes, {rate:g} webhooks a second")
            report(run, apps)
            report_parts(run, conditions(run, LAPBELL, apps[LAPBELL]), await moments(apps[LAPBELL].rest))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0)
    options = parser.parse_args()
    asyncio.run(main(options.routes, options.rate))
