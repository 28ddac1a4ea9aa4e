"""What watching a webhook costs: CPU microseconds per webhook and per Redis operation, beside the field's other tools.

    python tests/bench/overhead.py            every peer that is installed: pip install 'lapbell[bench]'
    python tests/bench/overhead.py lapbell contrib

Each tool runs in a process of its own, all on the same core, in turns; the figures are medians of the turns. CPU time
counts every thread of the process, so exporters' threads are in it; exporters throw away what they get.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis

from peers import redis_server
from rivals import KINDS, OPERATIONS, PHASES, Driver

ROUNDS = 60
REQUESTS = 40
COMMANDS = 100
WARM_UP = 300


def main(names: list[str]) -> None:
    """Compare, and print a table."""
    wanted = names or list(KINDS)
    missing = [
        KINDS[name].title for name in wanted if importlib.util.find_spec(KINDS[name].needs.partition(".")[0]) is None
    ]
    wanted = [name for name in wanted if KINDS[name].title not in missing]
    core = min(os.sched_getaffinity(0))
    with redis_server() as server:
        children = {name: _start(name, server.url, core) for name in wanted}
        try:
            for child in children.values():
                _ask(child, "requests", WARM_UP)
                _ask(child, "commands", WARM_UP)
            turns = [
                {
                    name: (_ask(child, "requests", REQUESTS), _ask(child, "commands", COMMANDS))
                    for name, child in children.items()
                }
                for _ in range(ROUNDS)
            ]
            memory = {name: _ask(child, "memory", 0) for name, child in children.items()}
        finally:
            for child in children.values():
                child.stdin.close()
                child.wait()
    _report(turns, memory, missing)


def _report(turns: list[Mapping[str, tuple[float, float]]], memory: Mapping[str, float], missing: list[str]) -> None:
    def extra(name: str, which: int) -> float:
        return statistics.median(turn[name][which] - turn["bare"][which] for turn in turns if "bare" in turn)

    print(f"one webhook: {len(PHASES)} phases, {OPERATIONS} Redis calls; {len(turns)} turns, CPU µs, median")
    print(f"{'':24}{'webhook':>10}{'added':>10}{'to contrib':>12}{'Redis op':>10}{'added':>10}{'peak MB':>10}")
    for name in turns[0]:
        webhook, command = (statistics.median(turn[name][which] for turn in turns) for which in (0, 1))
        added = extra(name, 0) if name != "bare" else 0.0
        ratio = f"{added / extra('contrib', 0):.2f}x" if "contrib" in turns[0] and name != "bare" else ""
        print(
            f"{KINDS[name].title:24}{webhook:10.0f}{added:10.0f}{ratio:>12}{command:10.1f}"
            f"{extra(name, 1) if name != 'bare' else 0.0:10.1f}{memory[name]:10.0f}"
        )
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
    child.stdin.write(json.dumps([what, count]) + "\n")
    child.stdin.flush()
    answer = child.stdout.readline()
    if not answer:
        raise SystemExit(f"{child.args[-3]} ended with code {child.wait()}")
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
