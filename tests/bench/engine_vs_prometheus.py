"""Our engine beside the real Prometheus: the same series, the same fifty rules, at two sizes.

`engine_vs_prometheus.py [--instances N …]` loads about 1,800 series for each instance of four services into both, lets
Prometheus evaluate the rules as its rule manager does, evaluates them here, compares the answers, and prints CPU and
wall time per cycle, memory per series, and what an append costs. CPU time of Prometheus is what its process used while
the rules ran, less what it used at rest.
"""

import argparse
import asyncio
import gc
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import yaml

from lapbell_evaluator.model import Labels
from lapbell_evaluator.promql import Engine, Expr, HttpQuerier, parse
from lapbell_evaluator.series import Limits, SeriesStore
from peers.prometheus import Prometheus, prometheus
from promql_kit.comparing import almost_equal
from promql_kit.fifty_rules import RULES
from promql_kit.fleet import Fleet, fleet
from promql_kit.remote_write import RemoteWriter
from promql_kit.ring_bytes import ring_bytes

MOMENTS = 72
RETENTION_MS = 360_000
_LIMITS = Limits(series=1_000_000, series_per_metric=1_000_000, retention_ms=RETENTION_MS)
CYCLES = 10
REST_S = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Of one cycle, in milliseconds."""

    cpu_ms: float
    wall_ms: float


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_of(pid: int) -> int:
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def rule_file(interval_s: float) -> str:
    """The rules as Prometheus' own file."""
    rules = [
        {"alert": f"rule_{kind}_{at}", "expr": expr} for kind, exprs in RULES.items() for at, expr in enumerate(exprs)
    ]
    return yaml.safe_dump({"groups": [{"name": "fifty", "interval": f"{interval_s:g}s", "rules": rules}]})


def reload_with(server: Prometheus, folder: Path, interval_s: float | None) -> None:
    """Give Prometheus the rules, or take them away."""
    rules = folder / "rules.yml"
    rules.write_text(rule_file(interval_s) if interval_s is not None else "groups: []\n")
    request = urllib.request.Request(f"{server.url}/-/reload", method="POST")
    with urllib.request.urlopen(request, timeout=60):
        pass


def their_cost(server: Prometheus, folder: Path) -> Cost:
    """What one evaluation of the rules costs Prometheus."""
    pid = server.process.popen.pid
    time.sleep(REST_S)  # let go of what loading left behind, then see what it uses at rest
    before = cpu_of(pid)
    time.sleep(REST_S)
    at_rest = (cpu_of(pid) - before) / REST_S
    probe_s = _interval(server, folder, 10.0)
    begin, before, done = time.monotonic(), cpu_of(pid), evaluations(server)
    while evaluations(server) < done + CYCLES * 50:
        time.sleep(0.2)
    elapsed, used = time.monotonic() - begin, cpu_of(pid) - before
    cycles = (evaluations(server) - done) / 50
    wall = metric(server, "prometheus_rule_group_last_duration_seconds")
    reload_with(server, folder, None)
    del probe_s
    return Cost((used - at_rest * elapsed) / cycles * 1_000, wall * 1_000)


def _interval(server: Prometheus, folder: Path, first_s: float) -> float:
    """Run the rules at an interval that leaves Prometheus a rest of at least as long as they take."""
    reload_with(server, folder, first_s)
    done = evaluations(server)
    while evaluations(server) < done + 50:
        time.sleep(0.1)
    interval_s = max(1.0, round(2 * metric(server, "prometheus_rule_group_last_duration_seconds") + 0.5))
    reload_with(server, folder, interval_s)
    done = evaluations(server)
    while evaluations(server) < done + 50:
        time.sleep(0.1)
    return interval_s


def evaluations(server: Prometheus) -> float:
    """How many rules Prometheus has evaluated."""
    return metric(server, "prometheus_rule_evaluations_total")


def metric(server: Prometheus, name: str) -> float:
    """The sum of one of Prometheus' own metrics."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))


def our_costs(engine: Engine, at: float) -> tuple[Cost, dict[str, float]]:
    """What one evaluation of the rules costs us, and what each kind of rule does by itself (milliseconds of CPU)."""
    exprs = [parse(expr) for kind in RULES.values() for expr in kind]

    def cycle(number: int) -> None:
        shared: dict = {}
        for expr in exprs:
            engine.evaluate(expr, at + number, shared)

    cycle(-1)
    cost = timed(cycle)
    kinds = {}
    for kind, texts in RULES.items():
        own = [parse(expr) for expr in texts]

        def one_cycle(number: int, own: list[Expr] = own) -> None:
            for expr in own:
                engine.evaluate(expr, at + number)

        kinds[kind] = timed(one_cycle).cpu_ms
    return cost, kinds


def timed(cycle: Callable[[int], object]) -> Cost:
    """The mean cost of some cycles."""
    cpu, wall = time.process_time(), time.monotonic()
    for number in range(CYCLES):
        cycle(number)
    return Cost((time.process_time() - cpu) / CYCLES * 1_000, (time.monotonic() - wall) / CYCLES * 1_000)


async def differences(server: Prometheus, engine: Engine, at: float) -> list[str]:
    """Rules that have other answers there than here."""
    found = []
    async with httpx.AsyncClient(timeout=60) as client:
        querier = HttpQuerier(server.url, client)
        for expr in (expr for kind in RULES.values() for expr in kind):
            theirs, ours = await querier.query(expr, at), await engine.query(expr, at)
            if not _same(_values(ours.samples), _values(theirs.samples)):
                found.append(expr)
    return found


def _values(samples: tuple) -> dict[Labels, float]:
    return {sample.labels: sample.value for sample in samples}


def _same(ours: dict[Labels, float], theirs: dict[Labels, float]) -> bool:
    return ours.keys() == theirs.keys() and all(almost_equal(ours[one], theirs[one], 1e-9) for one in ours)


def load_ours(data: Fleet) -> tuple[SeriesStore, float, float]:
    """Our store with the data; nanoseconds per appended sample, in batches of one exporter and of all of them."""
    store, whole = SeriesStore(_LIMITS), SeriesStore(_LIMITS)
    spent = 0.0
    for moment in data.batches(store):
        begin = time.process_time()
        for batch in moment:
            store.append(batch)
        spent += time.process_time() - begin
    spent_on_whole = 0.0
    for batch in data.whole_batches(whole):
        begin = time.process_time()
        whole.append(batch)
        spent_on_whole += time.process_time() - begin
    return store, spent / data.samples * 1e9, spent_on_whole / data.samples * 1e9


def bench(instances: int) -> None:
    """One size."""
    now_ms = int(time.time() * 1_000)
    data = fleet(instances, MOMENTS, now_ms)
    size = len(data.series)
    gc.collect()
    own_before = memory_of(os.getpid())
    store, append_ns, append_whole_ns = load_ours(data)
    gc.collect()
    own_memory = memory_of(os.getpid()) - own_before
    engine = Engine(store)
    with prometheus("rule_files: [rules.yml]\nglobal: {evaluation_interval: 1s}\n") as server:
        folder = server.process.log.parent
        empty = memory_of(server.process.popen.pid)
        data.write_to(RemoteWriter(server.url))
        wrong = asyncio.run(differences(server, engine, now_ms / 1_000 - 1))
        their_memory = memory_of(server.process.popen.pid) - empty
        theirs = their_cost(server, folder)
    ours, kinds = our_costs(engine, now_ms / 1_000)
    engine.close()
    print(f"{size:,} series, {data.samples:,} samples, 50 rules")
    print(
        f"  CPU per cycle     ours {ours.cpu_ms:9.1f} ms   Prometheus {theirs.cpu_ms:9.1f} ms   "
        f"ratio {theirs.cpu_ms / ours.cpu_ms:.1f}"
    )
    print(
        f"  wall per cycle    ours {ours.wall_ms:9.1f} ms   Prometheus {theirs.wall_ms:9.1f} ms   "
        f"ratio {theirs.wall_ms / ours.wall_ms:.1f}"
    )
    print(
        f"  memory per series ours {own_memory / size:9.0f} B    Prometheus {their_memory / size:9.0f} B    "
        f"(tables alone {ring_bytes(store) / size:.0f} B)"
    )
    print(f"  append            {append_ns:.0f} ns per sample by exporter, {append_whole_ns:.0f} ns by all of them")
    print("  CPU by kind of rule, each alone: " + ", ".join(f"{kind} {cost:.1f} ms" for kind, cost in kinds.items()))
    print(f"  rules with other answers: {len(wrong)} {wrong}")


def main() -> int:
    """Run all sizes."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--instances", type=int, nargs="*", default=[5, 50])
    for instances in arguments.parse_args().instances:
        bench(instances)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
