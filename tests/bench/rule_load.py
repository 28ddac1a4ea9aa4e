"""What loading many rules costs, and how long health waits meanwhile, beside Prometheus with the same file.

`rule_load.py [--rules N]` gives N rules to a running evaluator and to a running Prometheus by a reload, and prints how
much CPU each process used for it and how long it took; a client asks each for `/-/healthy` all the while, and what it
waited is printed beside what it waits at rest. Then both command lines check the file.
"""

import argparse
import http.client
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402

from journey.stage import evaluator  # noqa: E402
from peers.locate import require  # noqa: E402
from peers.process import scratch  # noqa: E402
from peers.prometheus import prometheus  # noqa: E402
from rules_kit.many_rules import many_rules  # noqa: E402

NO_RULES = "groups: []\n"
PAUSE_S = 0.005
REST_S = 3.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """One that reads its rules again when it is told to."""

    name: str
    port: int
    pid: int
    rules: Path
    headers: dict[str, str]


def cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def asked_for_health(port: int) -> Iterator[list[float]]:
    """The milliseconds that each answer took, while somebody asks again and again."""
    waits: list[float] = []
    over = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not over.wait(PAUSE_S):
            began = time.monotonic()
            connection.request("GET", "/-/healthy")
            connection.getresponse().read()
            waits.append((time.monotonic() - began) * 1_000)
        connection.close()

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        yield waits
    finally:
        over.set()
        asker.join()


def shown(waits: list[float]) -> str:
    """Median, p99 and the longest."""
    p99 = statistics.quantiles(waits, n=100, method="inclusive")[-1]
    return f"median {statistics.median(waits):.1f}, p99 {p99:.1f}, max {max(waits):.1f} ms of {len(waits)}"


def reload(server: Server, text: str) -> tuple[float, float]:
    """Seconds of CPU and of time for a reload of these rules."""
    server.rules.write_text(text, encoding="utf-8")
    cpu, began = cpu_of(server.pid), time.monotonic()
    httpx.post(f"http://127.0.0.1:{server.port}/-/reload", headers=server.headers, timeout=120).raise_for_status()
    return cpu_of(server.pid) - cpu, time.monotonic() - began


def measured(server: Server, text: str) -> None:
    """Print the figures of one server."""
    with asked_for_health(server.port) as at_rest:
        time.sleep(REST_S)
    with asked_for_health(server.port) as waits:
        cpu_s, took_s = reload(server, text)
    print(f"{server.name:<11} reload {cpu_s:.2f} s of CPU, {took_s:.2f} s; health at rest: {shown(at_rest)}")
    print(f"{'':<11} health meanwhile: {shown(waits)}")


def checked(*argv: str | Path) -> float:
    """Seconds of CPU of a program."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rules: int) -> None:
    """Measure both."""
    text = many_rules(rules)
    with scratch("rules") as folder:
        file = folder / "rules.yml"
        file.write_text(NO_RULES, encoding="utf-8")
        with evaluator({"LAPBELL_RULES__FILES": f'["{file}"]', "LAPBELL_RULES__INTERVAL": "300"}) as own:
            token = (own.data_dir / "admin.token").read_text(encoding="utf-8").strip()
            headers = {"Authorization": f"Bearer {token}"}
            measured(Server("lapbell", own.ports.rest, own.process.popen.pid, file, headers), text)
        file.write_text(NO_RULES, encoding="utf-8")
        with prometheus(f'rule_files: ["{file}"]\n') as theirs:
            measured(Server("Prometheus", theirs.port, theirs.process.popen.pid, file, {}), text)
        ours_s = checked(sys.executable, "-m", "lapbell_evaluator", "check", "rules", file)
        theirs_s = checked(require("promtool"), "check", "rules", file)
        print(f"check rules: lapbell {ours_s:.2f} s of CPU, promtool {theirs_s:.2f} s, ratio {ours_s / theirs_s:.1f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rules", type=int, default=10_000)
    main(arguments.parse_args().rules)
