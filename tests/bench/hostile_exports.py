"""What a small hostile export costs: the evaluator's CPU time until it is refused, and memory while fifty come at once.

Each bomb is 2,000,000 empty sub-messages in one repeated field, 4 MB that gzip packs into 4 KB. The evaluator's gates
run in a process of their own. Beside them, the dearest exports that are still taken: as many items as may be; and an
honest sender at the same address, which exports one point again and again while fifty bombs come at once.
Run: `python tests/bench/hostile_exports.py`.
"""

import contextlib
import gzip
import http.client
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import zstandard

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lapbell_evaluator.receiver.limits import Limits  # noqa: E402
from otlp_kit import gauge, metrics_export, number, victim  # noqa: E402
from otlp_kit.bombs import BOMBS, WRITTEN  # noqa: E402
from peers.process import pipe  # noqa: E402

ITEMS = 2_000_000
AT_ONCE = 50
PROTOBUF = {"Content-Type": "application/x-protobuf"}
PACKERS = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}
PATH = "/v1/metrics"
SERVICE = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
EXPONENTIAL, ATTRIBUTES = "points of an exponential histogram", "attributes of a point"
ONE_POINT = metrics_export(gauge("g", [number(1, time.time())])).SerializeToString()


def main() -> None:
    print(f"{'refused, one at a time':50s} {'ms':>7s} {'CPU ms':>7s}")
    for name, bomb in BOMBS.items():
        body = bomb.body(ITEMS // bomb.price)
        if bomb.path == WRITTEN:
            continue
        for encoding, pack in PACKERS.items():
            refused(f"{name}, {encoding}", bomb.path, pack(body), encoding)
    columns = f"{'MB more':>7s} {'s':>7s} an honest export meanwhile: how often, median and longest ms, most CPU ms"
    print(f"\n{f'{AT_ONCE} at once':50s} {columns}")
    for encoding, pack in PACKERS.items():
        for name in (EXPONENTIAL, ATTRIBUTES):
            flood(f"{name}, {encoding}", encoding, pack(BOMBS[name].body(ITEMS // BOMBS[name].price)))
    flood_of_calls(f"{EXPONENTIAL}, gRPC", BOMBS[EXPONENTIAL].body(ITEMS))
    print(f"\n{'taken: as many items as may be':50s} {'ms':>7s} {'CPU ms':>7s}")
    for name, bomb in BOMBS.items():
        if bomb.path != WRITTEN:
            taken(name, bomb.path, bomb.body(Limits().items - len(bomb.fields)))


@contextlib.contextmanager
def lapbell() -> Iterator[tuple[int, int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, victim.__file__, f"{folder}/history.db"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            ports = pipe(process.stdout).readline().split()
            yield process.pid, int(ports[0]), int(ports[1])
            process.kill()


def refused(name: str, path: str, body: bytes, encoding: str) -> None:
    print(f"{name:50s} {took(path, body, {'Content-Encoding': encoding}, 413)}")


def taken(name: str, path: str, body: bytes) -> None:
    print(f"{name:50s} {took(path, body, {}, 200)}")


def took(path: str, body: bytes, headers: dict[str, str], status: int) -> str:
    """The medians of five, in an evaluator that has answered before."""
    with lapbell() as (pid, port, _grpc_port):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        post(connection, "/v1/metrics", ONE_POINT, {})
        waits, works = [], []
        for _ in range(5):
            began, worked = time.perf_counter(), cpu_s(pid)
            answer = post(connection, path, body, headers)
            waits.append(time.perf_counter() - began)
            works.append(cpu_s(pid) - worked)
            if answer != status:
                raise ConnectionError(f"{answer} instead of {status}")
        return f"{1000 * statistics.median(waits):7.1f} {1000 * statistics.median(works):7.1f}"


def post(connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> int:
    connection.request("POST", path, body, PROTOBUF | headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def flood(name: str, encoding: str, body: bytes) -> None:
    headers = {"Content-Encoding": encoding}
    report_flood(name, lambda ports: post(http.client.HTTPConnection("127.0.0.1", ports[0]), PATH, body, headers))


def flood_of_calls(name: str, body: bytes) -> None:
    def call(ports: tuple[int, int]) -> None:
        address = f"127.0.0.1:{ports[1]}"
        with (
            grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel,
            contextlib.suppress(grpc.RpcError),
        ):
            channel.unary_unary(SERVICE, bytes, bytes)(body)

    report_flood(name, call)


def report_flood(name: str, send: Callable[[tuple[int, int]], object]) -> None:
    """Send so many at once, and an honest export again and again meanwhile."""
    with lapbell() as (pid, http_port, grpc_port):
        connection = http.client.HTTPConnection("127.0.0.1", http_port)
        for _ in range(20):
            post(connection, PATH, ONE_POINT, {})
        threads = [threading.Thread(target=send, args=((http_port, grpc_port),)) for _ in range(AT_ONCE)]
        before, began, waits, works = memory_mb(pid, "VmRSS"), time.perf_counter(), [], []
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            asked, worked = time.perf_counter(), cpu_s(pid)
            post(connection, PATH, ONE_POINT, {})
            waits.append(1000 * (time.perf_counter() - asked))
            works.append(1000 * (cpu_s(pid) - worked))
        lasted = time.perf_counter() - began
        more = memory_mb(pid, "VmHWM") - before
        honest = f"{len(waits):10d} {statistics.median(waits):8.0f} {max(waits):8.0f} {max(works):8.0f}"
        print(f"{name:50s} {more:7.0f} {lasted:7.2f} {honest}")


def cpu_s(pid: int) -> float:
    """What all threads of a process worked so far (Linux, sched-stats: the first number)."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def memory_mb(pid: int, name: str) -> float:
    """Resident memory of a process, now (`VmRSS`) or at most so far (`VmHWM`)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


if __name__ == "__main__":
    main()
