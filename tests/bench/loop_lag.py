"""How late an evaluator's event loop is while clients that mean harm, or ask for much, come one kind after another.

Each kind has an evaluator to itself for some seconds, with 3,000 series, as many alerts and five minutes of samples.
A beat is late only as far as the evaluator itself worked meanwhile, in whatever thread (the loop waits for others where
they hold the interpreter's lock), so that a busy machine changes little; `wall` is the longest by the clock, and `own`
the most that the loop's thread worked between two beats of 5 ms: no callback is longer. Percentiles are those of
somebody who comes at any time: a loop that stands still for a second keeps all waiting who come meanwhile.
Run: `python tests/bench/loop_lag.py [PART OF A NAME]`.
"""

import contextlib
import gzip
import http.client
import json
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import zstandard

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from otlp_kit import bombs, gauge, metrics_export, number  # noqa: E402
from peers.process import pipe  # noqa: E402
from soak_kit import watched  # noqa: E402

SERIES, SAMPLES, APART_S = 3_000, 60, 5.0
KIND_S = 6.0
BOMB_ITEMS = 2_000_000
DRIPPING = 64
RULES = 10_000
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
RULE_FILE = """groups:
  - name: lagging
    interval: 5s
    rules:
      - alert: Loaded
        expr: load >= 0
        labels: {severity: warning}
        annotations: {summary: "{{ $labels.shard }} has {{ $value | humanize }}, or {{ printf \\"%.2f\\" $value }}"}
"""
HOSTILE_FILTER = "shard=~" + '".*a.*b.*c.*d.*e.*[0-9]+"'
HUGE_LABELS = 'label_replace(load, "z", "' + "$1" * 1_000 + '", "shard", "(.*)")'


@dataclass(frozen=True, slots=True)
class Place:
    """An evaluator to be asked.

    Attributes:
        process: its own.
        folder: with its data and `rules.yml`.
        rest: the port of REST.
        otlp: the port of OTLP/HTTP.
    """

    process: subprocess.Popen[str]
    folder: Path
    rest: int
    otlp: int

    def lateness(self) -> dict[str, list[float]]:
        """How late its loop was since this was last asked."""
        to = pipe(self.process.stdin)
        to.write("\n")
        to.flush()
        seen: dict[str, list[float]] = json.loads(pipe(self.process.stdout).readline())
        return seen


Act = Callable[[Place], object]


def main(wanted: str = "") -> None:
    columns = " ".join(f"{name:>6s}" for name in ("p50", "p99", "p99.9", "max", "own", "wall", "done"))
    print(f"{'ms late, while':44s} {columns}", flush=True)
    for name, act in kinds().items():
        if wanted in name:
            with evaluator() as place:
                place.lateness()
                done = repeated(act, place)
                report(name, place.lateness(), done)


def report(name: str, seen: Mapping[str, list[float]], done: int) -> None:
    lates = [max(min(late, worked), 0.0) for late, worked in zip(seen["late_ms"], seen["worked_ms"], strict=True)]
    waits = sorted(wait for late in lates for wait in waits_of(late))
    figures = [waits[math.ceil(share * len(waits)) - 1] for share in (0.5, 0.99, 0.999, 1)]
    columns = " ".join(f"{figure:6.1f}" for figure in (*figures, max(seen["cpu_ms"]), max(seen["late_ms"])))
    print(f"{name:44s} {columns} {done:6d}", flush=True)


def waits_of(late_ms: float) -> Iterator[float]:
    """What those would have waited who came at each beat that a late one left out."""
    beat_ms = 1e3 * watched.BEAT_S
    yield late_ms
    for missed in range(1, int(late_ms / beat_ms) + 1):
        yield late_ms - missed * beat_ms


def repeated(act: Act, place: Place) -> int:
    """How often it was done in the time; what is refused or cut off counts as well."""
    ends, done = time.monotonic() + KIND_S, 0
    while time.monotonic() < ends:
        with contextlib.suppress(OSError, http.client.HTTPException):
            act(place)
        done += 1
    return done


@contextlib.contextmanager
def evaluator() -> Iterator[Place]:
    """One with series and alerts, ended with the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.yml").write_text(RULE_FILE)
        argv = [sys.executable, watched.__file__, str(folder / "data"), str(folder / "rules.yml")]
        log = (folder / "log").open("w")
        with (
            log,
            subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            ) as process,
        ):
            rest, otlp = map(int, pipe(process.stdout).readline().split())
            place = Place(process, folder, rest, otlp)
            fill(place)
            yield place
            process.kill()


def fill(place: Place) -> None:
    """Five minutes of samples, and alerts that fire."""
    now = time.time()
    for sample in range(SAMPLES):
        at = now - APART_S * (SAMPLES - sample)
        points = [number(n + sample / 7, at, shard=f"s{n}") for n in range(SERIES)]
        send(place.otlp, "/v1/metrics", metrics_export(gauge("load", points)).SerializeToString(), PROTOBUF)
    while len(json.loads(get(place, "/api/v1/alerts"))["data"]["alerts"]) < SERIES:
        time.sleep(0.5)


def kinds() -> dict[str, Act]:
    """What is done again and again, by its name."""
    return {
        "nothing": lambda _: time.sleep(0.1),
        "an export with as many points as may be": exporting(export_of(90_000)),
        "query: every series": lambda place: ask(place, "query", query="load"),
        "query: every sample": lambda place: ask(place, "query", query="load[5m]"),
        "query_range: every series, 300 steps": lambda place: ask_range(place, "load"),
        "query_range: histogram of text, refused": lambda place: ask_range(place, HUGE_LABELS),
        "query_range: abandoned": lambda place: ask_range(place, "load", timeout_s=0.2),
        "series": lambda place: get(place, "/api/v1/series?match[]=load"),
        "label values": lambda place: get(place, "/api/v1/label/shard/values"),
        "rules with their alerts": lambda place: get(place, "/api/v1/rules"),
        "alerts of Prometheus' API": lambda place: get(place, "/api/v1/alerts"),
        "alerts of Alertmanager's API": lambda place: get(place, "/api/v2/alerts"),
        "alerts by a hostile filter": lambda place: get(
            place, f"/api/v2/alerts?{urlencode({'filter': HOSTILE_FILTER})}"
        ),
        "alerts by a huge filter": lambda place: get(place, "/api/v2/alerts?filter=a%3Da" + "+" * 60_000 + "b"),
        "alerts of our own API": lambda place: get(place, "/api/performance/alerts"),
        "history of alerts": lambda place: get(place, "/api/performance/alert-history?limit=1000"),
        "summary": lambda place: get(place, "/api/performance/summary"),
        "own metrics": lambda place: get(place, "/metrics"),
        "10,000 rules are loaded": reload_rules,
        "dripping": dripping,
        **{
            f"bomb, {encoding}: {name}": exporting(body, path, headers)
            for name, encoding, path, body, headers in bombs_made()
        },
    }


def export_of(points: int) -> bytes:
    now = time.time()
    return metrics_export(gauge("more", [number(n, now, n=str(n % 100)) for n in range(points)])).SerializeToString()


def bombs_made() -> Iterator[tuple[str, str, str, bytes, dict[str, str]]]:
    name = "points of an exponential histogram"
    bomb = bombs.BOMBS[name]
    for encoding, pack in {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}.items():
        headers = PROTOBUF | {"Content-Encoding": encoding}
        yield name, encoding, bomb.path, pack(bomb.body(BOMB_ITEMS)), headers


def exporting(body: bytes, path: str = "/v1/metrics", headers: Mapping[str, str] = PROTOBUF) -> Act:
    return lambda place: send(place.otlp, path, body, headers)


def send(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body, dict(headers))
    connection.getresponse().read()
    connection.close()


def get(place: Place, path: str, timeout_s: float = 60) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", place.rest, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def ask(place: Place, what: str, timeout_s: float = 60, **parameters: str) -> bytes:
    return get(place, f"/api/v1/{what}?{urlencode(parameters)}", timeout_s)


def ask_range(place: Place, query: str, timeout_s: float = 60) -> bytes:
    now = time.time()
    return ask(place, "query_range", timeout_s, query=query, start=f"{now - 300}", end=f"{now}", step="1")


def reload_rules(place: Place) -> None:
    rule = "      - {{record: 'made:{0}', expr: 'sum by (shard) (load{{{{n=\"{0}\"}}}}) > {0}'}}\n"
    rules = "".join(rule.format(n).replace("{{", "{").replace("}}", "}") for n in range(RULES))
    (place.folder / "rules.yml").write_text(f"{RULE_FILE}  - name: many\n    interval: 1h\n    rules:\n{rules}")
    token = (place.folder / "data" / "admin.token").read_text().strip()
    send(place.rest, "/-/reload", b"", {"Authorization": f"Bearer {token}"})


def dripping(place: Place) -> None:
    """Bodies that come by a byte every tenth of a second, to both gates."""
    with contextlib.ExitStack() as stack:
        ports = (place.rest, place.otlp)
        drips = [stack.enter_context(socket.create_connection(("127.0.0.1", ports[n % 2]))) for n in range(DRIPPING)]
        for drip in drips:
            drip.sendall(b"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(10):
            time.sleep(0.1)
            for drip in drips:
                drip.sendall(b" ")


if __name__ == "__main__":
    main(*sys.argv[1:])
