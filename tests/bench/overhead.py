"""What watching a webhook costs: CPU microseconds per webhook and per Redis operation, beside the field's other tools.

    python tests/bench/overhead.py            every peer that is installed: pip install 'lapbell[bench]'
    python tests/bench/overhead.py lapbell contrib
    python tests/bench/overhead.py lapbell no-loop     what watching the event loop costs, busy and idle

Each tool runs in a process of its own, all on the same core, in turns of random order; the figures are medians of the
turns, and where other work on the machine makes turns slow, the quietest tenth of them tells more. CPU time counts
every thread of the process, so exporters' threads are in it; exporters throw away what they get.
"""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis

from peers import redis_server
from peers.process import pipe
from rivals import KINDS, OPERATIONS, PHASES, Driver, is_installed

ROUNDS = 60
REQUESTS = 40
COMMANDS = 100
WARM_UP = 300
IDLE_S = 5


def main(names: list[str]) -> None:
    """Compare, and print a table."""
    wanted = ["bare", *(name for name in names or KINDS if name != "bare")]
    missing = [KINDS[name].title for name in wanted if not is_installed(KINDS[name])]
    wanted = [name for name in wanted if KINDS[name].title not in missing]
    core = min(os.sched_getaffinity(0))
    with redis_server() as server:
        children = {name: _start(name, server.url, core) for name in wanted}
        try:
            for child in children.values():
                _ask(child, "requests", WARM_UP)
                _ask(child, "commands", WARM_UP)
            turns: list[Mapping[str, tuple[float, float]]] = [_turn(children) for _ in range(ROUNDS)]
            memory = {name: _ask(child, "memory", 0) for name, child in children.items()}
            idle = {name: _ask(child, "idle", IDLE_S) for name, child in children.items()}
        finally:
            for child in children.values():
                pipe(child.stdin).close()
                child.wait()
    _report(turns, memory, idle, missing)


def _turn(children: Mapping[str, subprocess.Popen[str]]) -> dict[str, tuple[float, float]]:
    """Every tool once, in random order: CPU µs per webhook and per Redis operation."""
    order = random.sample(list(children), len(children))
    return {
        name: (_ask(children[name], "requests", REQUESTS), _ask(children[name], "commands", COMMANDS)) for name in order
    }


def _report(
    turns: list[Mapping[str, tuple[float, float]]],
    memory: Mapping[str, float],
    idle: Mapping[str, float],
    missing: list[str],
) -> None:
    def median(name: str, which: int) -> float:
        return statistics.median(turn[name][which] for turn in turns)

    def quiet(name: str, which: int) -> float:
        return statistics.quantiles((turn[name][which] for turn in turns), n=10)[0]

    def ratio(name: str, figure: Callable[[str, int], float]) -> str:
        if "contrib" not in memory or name == "bare":
            return ""
        bare = figure("bare", 0)
        return f"{(figure(name, 0) - bare) / (figure('contrib', 0) - bare):.2f}x"

    def added(name: str, which: int, figure: Callable[[str, int], float]) -> float:
        return figure(name, which) - figure("bare", which)

    print(f"one webhook: {len(PHASES)} phases, {OPERATIONS} Redis calls; {len(turns)} turns, CPU µs")
    titles = (
        ("added by median", 18),
        ("to contrib", 12),
        ("quiet tenth", 14),
        ("to contrib", 12),
        ("per Redis op", 14),
    )
    print(" " * 24 + "".join(f"{title:>{width}}" for title, width in titles) + f"{'MB':>6}{'idle ms/s':>11}")
    for name in memory:
        print(
            f"{KINDS[name].title:24}{added(name, 0, median):18.0f}{ratio(name, median):>12}"
            f"{added(name, 0, quiet):14.0f}{ratio(name, quiet):>12}{added(name, 1, median):14.1f}"
            f"{memory[name]:6.0f}{idle[name]:11.1f}"
        )
    print(f"without instrumentation: {median('bare', 0):.0f} per webhook, {median('bare', 1):.1f} per Redis operation")
    if missing:
        print(f"not installed: {', '.join(missing)}; pip install 'lapbell[bench]'")


def _start(name: str, url: str, core: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", __file__, "--serve", name, url, str(core)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "DD_"))}
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment | dict(KINDS[name].environment),
    )


def _ask(child: subprocess.Popen[str], what: str, count: int) -> float:
    pipe(child.stdin).write(json.dumps([what, count]) + "\n")
    pipe(child.stdin).flush()
    answer = pipe(child.stdout).readline()
    if not answer:
        raise SystemExit(f"{child.args!r} ended with code {child.wait()}")
    return float(answer)


def serve(name: str, url: str, core: int) -> None:
    """Answer questions about one tool until nobody asks any more."""
    os.sched_setaffinity(0, {core})
    client = redis.Redis.from_url(url)
    driver = Driver(KINDS[name].build(client))
    for line in sys.stdin:
        what, count = json.loads(line)
        print(_answer(what, count, driver, client), flush=True)


def _answer(what: str, count: int, driver: Driver, client: Any) -> float:
    import resource
    import time

    match what:
        case "requests":
            return driver.requests(count)
        case "idle":
            return driver.idle(count)
        case "commands":
            began = time.process_time_ns()
            for _ in range(count):
                client.get("bench:cache")
            return (time.process_time_ns() - began) / count / 1_000
        case _:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(sys.argv[1:])
