"""What a new series costs, and what a sample of a known one costs: processor time of the process that keeps it.

Services export 4,000 gauges each, first all of them new, then all of them known; each export is answered before the
next is sent. Prometheus takes the same exports by OTLP in the same run. Run: `python tests/bench/births.py`.
"""

import http.client
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from journey import evaluator  # noqa: E402
from peers import prometheus  # noqa: E402
from soak_kit import Fleet, processor_s  # noqa: E402

SERVICES, SERIES, ROUNDS = 10, 4_000, 10
EVERY_S = 2
STEP_NS = EVERY_S * 10**9
HEADERS = {"Content-Type": "application/x-protobuf"}


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of processor time.

    Attributes:
        born: of a new series and its first sample.
        known: of one more sample.
    """

    born: float
    known: float


def main() -> None:
    print(f"{SERVICES} services with {SERIES:,} series each, {ROUNDS} exports of known ones\n")
    with evaluator() as ours:
        pid = ours.process.popen.pid
        cost = measured(ours.ports.http, "/v1/metrics", lambda: processor_s(pid))
    with prometheus("", "--web.enable-otlp-receiver") as peer:
        pid = peer.process.popen.pid
        peer_cost = measured(peer.port, "/api/v1/otlp/v1/metrics", lambda: processor_s(pid))
    print(f"{'processor time, µs':20s} {'lapbell':>10s} {'Prometheus':>10s} {'ratio':>8s}")
    for name, own, other in (
        ("a new series", cost.born, peer_cost.born),
        ("a known sample", cost.known, peer_cost.known),
    ):
        print(f"{name:20s} {own:>10.1f} {other:>10.1f} {own / other:>8.2f}")


def measured(port: int, path: str, spent_s: Callable[[], float]) -> Cost:
    """The costs of one process that answers at `path`; what it does by itself meanwhile counts too."""
    began_ns = time.time_ns() - (ROUNDS + 1) * STEP_NS
    rounds = [bodies(began_ns + at * STEP_NS) for at in range(ROUNDS + 1)]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    before = spent_s()
    send(connection, path, rounds[0])
    born = spent_s()
    for of_round in rounds[1:]:
        send(connection, path, of_round)
    known = spent_s()
    connection.close()
    samples = SERVICES * SERIES
    return Cost(1e6 * (born - before) / samples, 1e6 * (known - born) / samples / ROUNDS)


def bodies(time_ns: int) -> list[bytes]:
    """One export of each service."""
    packed = []
    for service in Fleet.of(SERVICES, SERIES).services:
        request = service.export()
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            for point in metric.gauge.data_points:
                point.time_unix_nano = time_ns
        packed.append(request.SerializeToString())
    return packed


def send(connection: http.client.HTTPConnection, path: str, exports: list[bytes]) -> None:
    for body in exports:
        connection.request("POST", path, body, HEADERS)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status not in (200, 204):
            raise ConnectionError(f"{answer.status} {text!r}")


if __name__ == "__main__":
    main()
