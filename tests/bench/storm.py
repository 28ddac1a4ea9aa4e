"""25,000 alerts that begin at once, told to three webhooks: how many messages, how late, and how much memory.

Run: `python tests/bench/storm.py [ALERTS]`. Beside it stands what an Alertmanager needs for as many alerts that a
Prometheus would send it: from the first byte of them until its webhook has the one message of the group.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from otlp_kit import gauge, metrics_export, number  # noqa: E402
from peers import answers, free_port, running  # noqa: E402
from peers.alertmanager import alertmanager  # noqa: E402
from peers.inbox import Inbox, inbox  # noqa: E402
from peers.process import Argv  # noqa: E402

ALERTS = 25_000
PER_METRIC = 12_500
WEBHOOKS = ("one", "two", "three")
PATIENCE_S = 300.0
RULES = """groups:
  - name: storm
    interval: 5s
    rules:
      - alert: Storm
        expr: '{__name__=~"storm_.*"} > 0'
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.shard }} has {{ $value }}"}
"""


def main(alerts: str = str(ALERTS)) -> None:
    count = int(alerts)
    print(f"{count:,} alerts that begin at once")
    ours(count)
    theirs(count)


def ours(count: int) -> None:
    with inbox() as box, evaluator(box) as (otlp, process):
        before = memory_mib(process.pid)
        began = time.time()
        parts = [range(first, min(count, first + PER_METRIC)) for first in range(0, count, PER_METRIC)]
        gauges = [gauge(f"storm_{part[0]}", [number(1.0, began, shard=f"s{n}") for n in part]) for part in parts]
        send(otlp, metrics_export(*gauges).SerializeToString())
        wait_until(lambda: told(box, count))
        late = {name: at - began for name, at in told(box, count).items()}
        peak = peak_mib(process.pid)
        messages = {name: sum(letter.document["receiver"] == name for letter in box.letters) for name in WEBHOOKS}
        size = max(len(json.dumps(letter.document)) for letter in box.letters)
    print(f"  lapbell: messages {messages}, the largest {size / 1024:.0f} KiB")
    seconds = ", ".join(f"{each:.2f} s" for each in late.values())
    print(f"    from the first byte of the samples to each webhook: {seconds}")
    print(f"    memory: {before:.0f} MiB before, {peak:.0f} MiB at most")


def told(box: Inbox, count: int) -> dict[str, float]:
    """When each webhook knew of all alerts, Unix seconds; empty as long as one does not."""
    at: dict[str, float] = {}
    known = dict.fromkeys(WEBHOOKS, 0)
    for letter in list(box.letters):
        name = letter.document["receiver"]
        known[name] = max(known[name], len(letter.document["alerts"]) + letter.document["truncatedAlerts"])
        if known[name] >= count:
            at.setdefault(name, letter.at)
    return at if len(at) == len(WEBHOOKS) else {}


def theirs(count: int) -> None:
    with inbox() as box:
        config = (
            "route: {receiver: one, group_wait: 0s, group_interval: 1s, group_by: [alertname]}\n"
            f'receivers: [{{name: one, webhook_configs: [{{url: "{box.url}"}}]}}]\n'
        )
        with alertmanager(config) as peer:
            began = time.time()
            for first in range(0, count, PER_METRIC):
                alerts = [
                    {"labels": {"alertname": "Storm", "severity": "critical", "shard": f"s{n}"}}
                    for n in range(first, min(count, first + PER_METRIC))
                ]
                httpx.post(f"{peer.url}/api/v2/alerts", json=alerts, timeout=PATIENCE_S, trust_env=False)
            wait_until(lambda: any(len(letter.document["alerts"]) >= count for letter in list(box.letters)))
            late = next(letter.at for letter in box.letters if len(letter.document["alerts"]) >= count) - began
    size = max(len(json.dumps(letter.document)) for letter in box.letters)
    print(f"  Alertmanager: {len(box.letters)} messages, the largest {size / 1024:.0f} KiB")
    print(f"    from the first byte of the alerts to its webhook: {late:.2f} s")


@contextmanager
def evaluator(box: Inbox) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    ports = {name: free_port() for name in ("rest", "otlp_grpc", "otlp_http")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.yml").write_text(RULES)
        settings: Mapping[str, object] = {
            "listen": {each: f"127.0.0.1:{port}" for each, port in ports.items()},
            "data_dir": str(folder / "data"),
            "rules": {"files": [str(folder / "rules.yml")]},
            "receivers": [{"name": each, "webhook": {"url": box.url}} for each in WEBHOOKS],
        }
        (folder / "lapbell.yaml").write_text(json.dumps(settings))
        argv: Argv = [sys.executable, "-m", "lapbell_evaluator", "serve", "--config", folder / "lapbell.yaml"]
        rest = f"http://127.0.0.1:{ports['rest']}"
        with running(argv, folder=folder, ready=answers(f"{rest}/-/ready")) as process:
            yield ports["otlp_http"], process.popen


def send(port: int, body: bytes) -> None:
    headers = {"Content-Type": "application/x-protobuf"}
    url = f"http://127.0.0.1:{port}/v1/metrics"
    httpx.post(url, content=body, headers=headers, timeout=PATIENCE_S, trust_env=False).raise_for_status()


def wait_until(claim: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not claim():
        if time.monotonic() > ends:
            raise TimeoutError("it did not come to pass")
        time.sleep(0.05)


def memory_mib(pid: int) -> float:
    return status_kib(pid, "VmRSS") / 1024


def peak_mib(pid: int) -> float:
    return status_kib(pid, "VmHWM") / 1024


def status_kib(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
