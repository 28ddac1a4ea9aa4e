"""How many samples a second the receiver takes: decoded alone, and over the network with each export committed first.

The Collector takes the same exports in the same run, without keeping them. Run: `python tests/bench/ingest.py`.
"""

import contextlib
import gzip
import http.client
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import grpc
import zstandard
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from lapbell_evaluator.receiver.json_metrics import decode_json_metrics  # noqa: E402
from lapbell_evaluator.receiver.limits import Limits  # noqa: E402
from lapbell_evaluator.receiver.points import MetricsExport  # noqa: E402
from lapbell_evaluator.receiver.protobuf import decode_metrics  # noqa: E402
from lapbell_evaluator.receiver.translator import Translator  # noqa: E402
from lapbell_evaluator.series import ExemplarRing, SeriesStore  # noqa: E402
from otlp_kit import exemplar, seen, victim  # noqa: E402
from otlp_kit.load import Service  # noqa: E402
from otlp_kit.oracle import expected_samples  # noqa: E402
from otlp_kit.otlp_json import otlp_json  # noqa: E402
from peers import collector  # noqa: E402
from peers.process import pipe  # noqa: E402

SENDERS = 4
EXPORTS = 25
TICKS = os.sysconf("SC_CLK_TCK")
EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
COLLECTOR_CONFIG = """
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "${env:LAPBELL_COLLECTOR_GRPC}"}
      http: {endpoint: "${env:LAPBELL_COLLECTOR_HTTP}"}
exporters: {debug: {verbosity: basic, sampling_initial: 1, sampling_thereafter: 1000000}}
extensions: {health_check: {endpoint: "${env:LAPBELL_COLLECTOR_HEALTH}"}}
service:
  extensions: [health_check]
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines: {metrics: {receivers: [otlp], exporters: [debug]}}
"""

Load = list[list[bytes]]


def main() -> None:
    now = time.time()
    services = [Service(f"i{n}", now - 600, seed=n) for n in range(SENDERS)]
    requests = [[service.export(now - 500 + 5 * k) for k in range(EXPORTS)] for service in services]
    plain = [[request.SerializeToString() for request in of] for of in requests]
    json_ = [[otlp_json(request) for request in of] for of in requests]
    samples = len(expected_samples(requests[0][0])) * SENDERS * EXPORTS
    print(f"{SENDERS} senders x {EXPORTS} exports, {samples:,} samples, {len(plain[0][0]):,} bytes each\n")
    decoding("protobuf", plain, samples, decode_metrics)
    exemplified = [[with_exemplars(request).SerializeToString() for request in of] for of in requests]
    decoding("exemplars", exemplified, samples, decode_metrics)
    decoding("JSON", json_, samples, decode_json_metrics)
    print(f"\n{'over the network':34s} {'samples/s':>12s} {'per CPU second':>15s} {'GET p99':>9s}")
    forms = {
        "protobuf": (plain, {"Content-Type": "application/x-protobuf"}),
        "protobuf gzip": (
            packed(plain, gzip.compress),
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"},
        ),
        "protobuf zstd": (
            packed(plain, zstandard.ZstdCompressor().compress),
            {"Content-Type": "application/x-protobuf", "Content-Encoding": "zstd"},
        ),
        "JSON": (json_, {"Content-Type": "application/json"}),
    }
    for name, (load, headers) in forms.items():
        with lapbell() as (pid, http_port, _):
            report(f"lapbell, {name}, committed", samples, pid, partial(post_all, http_port, load, headers), http_port)
        with the_collector() as (pid, http_port, _):
            report(f"Collector, {name}, not kept", samples, pid, partial(post_all, http_port, load, headers), None)
    with lapbell() as (pid, http_port, grpc_port):
        report("lapbell, gRPC, committed", samples, pid, partial(call_all, grpc_port, plain), http_port)
    with the_collector() as (pid, _, grpc_port):
        report("Collector, gRPC, not kept", samples, pid, partial(call_all, grpc_port, plain), None)


def with_exemplars(request: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest:
    """The same export, with an exemplar at every point of a histogram."""
    made = ExportMetricsServiceRequest()
    made.CopyFrom(request)
    for metric in made.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.histogram.data_points:
            seen(point, exemplar(0.3, point.time_unix_nano / 1e9, trace=point.time_unix_nano, span=1))
    return made


def packed(load: Load, pack: Callable[[bytes], bytes]) -> Load:
    return [[pack(body) for body in of] for of in load]


def decoding(name: str, load: Load, samples: int, decode: Callable[[bytes], MetricsExport]) -> None:
    bodies = list(itertools.chain(*zip(*load, strict=True)))
    points = 0
    began = time.process_time()
    for body in bodies:
        export = decode(body)
        points += sum(len(c.attributes) for s in export.sources for scope in s.scopes for c in scope.columns)
    took = time.process_time() - began
    decoded = [decode(body) for body in bodies]
    store, ring = SeriesStore(), ExemplarRing()
    translator = Translator(store, Limits())
    began = time.process_time()
    for export in decoded:
        translated = translator.translate(export, time.time())
        store.append(translated.zeros)
        store.append(translated.batch)
        ring.add(translated.exemplars)
    stored = time.process_time() - began
    print(
        f"{name:9s} per CPU second: {points / took:>9,.0f} points decoded = {samples / took:>9,.0f} samples;"
        f" {samples / stored:>9,.0f} samples translated and stored"
    )


@contextlib.contextmanager
def lapbell() -> Iterator[tuple[int, int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, victim.__file__, f"{folder}/history.db"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
            ports = pipe(process.stdout).readline().split()
            yield process.pid, int(ports[0]), int(ports[1])
            process.kill()


@contextlib.contextmanager
def the_collector() -> Iterator[tuple[int, int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bench.yaml"
        config.write_text(COLLECTOR_CONFIG)
        with collector({}, config=config) as peer:
            yield peer.process.popen.pid, peer.http_port, peer.grpc_port


def report(name: str, samples: int, pid: int, send: Callable[[], None], ask_port: int | None) -> None:
    stop = threading.Event()
    waits: list[float] = []
    asking = threading.Thread(target=ask, args=(ask_port, stop, waits)) if ask_port else None
    if asking:
        asking.start()
    cpu, began = cpu_s(pid), time.perf_counter()
    send()
    took, cpu = time.perf_counter() - began, cpu_s(pid) - cpu
    stop.set()
    if asking:
        asking.join()
    p99 = f"{1000 * sorted(waits)[int(len(waits) * 0.99)]:6.1f} ms" if waits else ""
    print(f"{name:34s} {samples / took:>12,.0f} {samples / cpu:>15,.0f} {p99:>9s}")


def ask(port: int, stop: threading.Event, waits: list[float]) -> None:
    """What a person's request waits meanwhile."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while not stop.wait(0.005):
        began = time.perf_counter()
        connection.request("GET", "/nothing")
        connection.getresponse().read()
        waits.append(time.perf_counter() - began)


def post_all(port: int, load: Load, headers: dict[str, str]) -> None:
    def post(bodies: list[bytes]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for body in bodies:
            connection.request("POST", "/v1/metrics", body, headers)
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise ConnectionError(f"{answer.status} {text!r}")

    together(post, load)


def call_all(port: int, load: Load) -> None:
    def call(bodies: list[bytes]) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            export = channel.unary_unary(EXPORT, bytes, bytes)
            for body in bodies:
                export(body)

    together(call, load)


def together(send: Callable[[list[bytes]], None], load: Load) -> None:
    threads = [threading.Thread(target=send, args=(bodies,)) for bodies in load]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, all threads, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


if __name__ == "__main__":
    main()
