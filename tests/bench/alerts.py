"""Ten thousand alerts that fire, in our evaluator and in Prometheus; and twenty-five thousand that begin at once.

`alerts.py [--alerts N] [--storm N] [--kept N]` gives both the same series and the same rule with two annotations and a
label, lets each evaluate it a few times, `ALERTS` series included, and reads every alert with its texts once. Both keep
those series on disk; ours is charged with a commit in each evaluation, though none waits for one. Prometheus renders
the texts at each evaluation, we when they are read or sent. CPU time of Prometheus is its process', less what it uses
at rest. Then a storm: every alert that begins must be a transition in the database, a notice in the outbox, and
counted in the one summary of the storm. At last, what `ALERTS` takes on disk.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import sqlalchemy

from alertlife.timeline import Timeline, timeline
from bench.engine_vs_prometheus import cpu_of, metric
from lapbell_evaluator.garbage import collect_seldom
from lapbell_evaluator.history import info
from lapbell_evaluator.model import Batch, Labels, labels
from lapbell_evaluator.series import Limits, SeriesStore
from peers.prometheus import Prometheus, prometheus
from promql_kit.remote_write import RemoteWriter

RULES = """\
groups:
- name: fleet
  interval: 2s
  rules:
  - alert: Loaded
    expr: load > 1
    labels: {severity: warning}
    annotations:
      summary: "{{ $labels.instance }} of {{ $labels.job }} is at {{ $value | humanize }}"
      description: "The load of {{ $labels.instance }} is {{ printf \\"%.2f\\" $value }}; the threshold is 1."
"""
CYCLES = 8
CHUNK_S = 7_200
JITTER = np.random.default_rng(1)
REST_S = 4.0


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    wall_s: float
    cpu_s: float
    read_s: float


def fleet(count: int) -> list[Labels]:
    """The series."""
    return [
        labels({"__name__": "load", "instance": f"10.0.{number // 250}.{number % 250}:8080", "job": "fleet"})
        for number in range(count)
    ]


def pushed(line: Timeline, refs: np.ndarray, at: float, value: float) -> None:
    """The same value for every series."""
    times = np.full(len(refs), round(at * 1000), np.int64)
    line.store.append(Batch(refs, times, np.full(len(refs), value)))


async def ours(count: int) -> Cost:
    """What an evaluation costs us while all fire, and one read with every text."""
    store = SeriesStore(Limits(series=4 * count, series_per_metric=2 * count))
    with tempfile.TemporaryDirectory() as folder:
        async with timeline(Path(folder), RULES, store=store, has_history=True) as line:
            assert line.history is not None
            refs = np.array([store.intern(each) for each in fleet(count)], np.int64)
            pushed(line, refs, 0, 2.5)
            await line.at(0)
            walls, cpus = [], []
            for cycle in range(1, CYCLES + 1):
                pushed(line, refs, 2 * cycle, 2.5)
                wall, cpu = time.perf_counter(), time.process_time()
                await line.at(2 * cycle)
                await line.history.committed()
                walls.append(time.perf_counter() - wall)
                cpus.append(time.process_time() - cpu)
            begin = time.process_time()
            (group,) = await line.alert_service.groups()
            read_s = time.process_time() - begin
            assert len(group.rules[0].alerts) == count
    return Cost(statistics.median(walls), statistics.median(cpus), read_s)


async def kept(count: int) -> None:
    """Four hours of `ALERTS` and `ALERTS_FOR_STATE` on disk, five seconds apart: bytes per sample."""
    store = SeriesStore(Limits(series=4 * count, series_per_metric=2 * count))
    with tempfile.TemporaryDirectory() as folder:
        async with timeline(Path(folder), RULES.replace("2s", "5s"), store=store, has_history=True) as line:
            assert line.history is not None
            refs = np.array([store.intern(each) for each in fleet(count)], np.int64)
            for moment in range(0, 2 * CHUNK_S, 5):
                pushed(line, refs, moment, 2.5)
                await line.at(moment + JITTER.normal(0, 0.004))
                if moment % 300 == 0:
                    line.history.go_round()
            line.clock.at += CHUNK_S
            line.history.go_round()
        found = info(Path(folder) / "history.db")
    packed, used = found.chunk_bytes / found.samples, found.used_bytes / found.samples
    print(f"history: {found.samples:,} samples of {found.series:,} series")
    print(f"         {packed:.2f} bytes per sample packed, {used:.2f} used in the file")


def _has_done(server: Prometheus, cycles: float) -> bool:
    return done(server) >= cycles


def theirs(count: int) -> Cost:
    """The same for Prometheus."""
    with prometheus("rule_files: [rules.yml]\nglobal: {evaluation_interval: 2s}\n") as server:
        folder = server.process.log.parent
        pid = server.process.popen.pid
        now = int(time.time() * 1000)
        RemoteWriter(server.url).write([(each, [(now, 2.5)]) for each in fleet(count)])
        time.sleep(REST_S)
        before = cpu_of(pid)
        time.sleep(REST_S)
        at_rest = (cpu_of(pid) - before) / REST_S
        reloaded(server, folder)
        waited(lambda: done(server) >= 2)
        begin, used, first = time.monotonic(), cpu_of(pid), done(server)
        walls = []
        for cycle in range(1, CYCLES + 1):
            waited(partial(_has_done, server, first + cycle))
            walls.append(metric(server, "prometheus_rule_group_last_duration_seconds"))
        elapsed = time.monotonic() - begin
        cpu_s = (cpu_of(pid) - used - at_rest * elapsed) / (done(server) - first)
        start = time.perf_counter()
        with urllib.request.urlopen(f"{server.url}/api/v1/alerts", timeout=60) as response:
            body = response.read()
        read_s = time.perf_counter() - start
        assert body.count(b'"firing"') == count
    return Cost(statistics.median(walls), cpu_s, read_s)


def reloaded(server: Prometheus, folder: Path) -> None:
    """Give Prometheus the rule."""
    (folder / "rules.yml").write_text(RULES)
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/-/reload", method="POST"), timeout=60):
        pass


def done(server: Prometheus) -> float:
    """How often the rule was evaluated."""
    return metric(server, "prometheus_rule_evaluations_total")


def waited(claim: Callable[[], bool]) -> None:
    """Until the claim holds."""
    while not claim():
        time.sleep(0.1)


async def storm(count: int) -> None:
    """All begin at once: seconds until everything is written and told, and nothing is missing."""
    store = SeriesStore(Limits(series=4 * count, series_per_metric=2 * count))
    with tempfile.TemporaryDirectory() as folder:
        async with timeline(Path(folder), RULES, store=store) as line:
            refs = np.array([store.intern(each) for each in fleet(count)], np.int64)
            pushed(line, refs, 0, 2.5)
            begin = time.perf_counter()
            await line.at(0)
            elapsed = time.perf_counter() - begin
            told = len(line.told)
            views = await line.alert_service.incidents()
            begin = time.perf_counter()
            (summary,) = await line.alert_service.storms(views)
            summary_s = time.perf_counter() - begin
        engine = sqlalchemy.create_engine(f"sqlite:///{folder}/alerts.db")
        with engine.connect() as connection:
            kept = [
                connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one()
                for table in ("transitions", "outbox", "alerts")
            ]
        engine.dispose()
    assert [told, summary.firing, *kept] == [count] * 5, (told, summary, kept)
    print(f"storm: {count:,} alerts fire at once in {elapsed:.2f} s; transitions, outbox rows and alerts kept: all")
    print(f"       summarised as one storm in {summary_s:.3f} s, {len(views):,} incidents read before")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--storm", type=int, default=25_000)
    parser.add_argument("--kept", type=int, default=500)
    chosen = parser.parse_args()
    collect_seldom()  # as `lapbell serve` does
    we = asyncio.run(ours(chosen.alerts))
    they = theirs(chosen.alerts)
    print(f"{chosen.alerts:,} alerts fire       lapbell   Prometheus   ratio")
    print(f"one evaluation, wall  {we.wall_s:8.3f} s {they.wall_s:9.3f} s {they.wall_s / we.wall_s:7.1f}")
    print(f"one evaluation, CPU   {we.cpu_s:8.3f} s {they.cpu_s:9.3f} s {they.cpu_s / we.cpu_s:7.1f}")
    print(f"one read of all texts {we.read_s:8.3f} s {they.read_s:9.3f} s   (ours: CPU; theirs: JSON over HTTP)")
    both, theirs_both = we.cpu_s + we.read_s, they.cpu_s + they.read_s
    print(f"evaluation and read   {both:8.3f} s {theirs_both:9.3f} s {theirs_both / both:7.1f}")
    asyncio.run(storm(chosen.storm))
    asyncio.run(kept(chosen.kept))


if __name__ == "__main__":
    main()
