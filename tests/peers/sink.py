"""A receiver of OTLP over HTTP that keeps all it gets: what the evaluator, a vendor or a log store would have seen."""

import contextlib
import gzip
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from peers.serving import serving

__all__ = ["Delivery", "Sink", "otlp_sink"]

_HTTP_OK, _HTTP_UNAVAILABLE = 200, 503


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it came: its path, its headers by lower-case name, its body after decompression."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Sink:
    """A running receiver; `is_open = False` makes it answer 503, which senders retry; so does `refuse` a few times."""

    port: int
    is_open: bool = True
    refusals: int = 0
    deliveries: list[Delivery] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """What `OTEL_EXPORTER_OTLP_ENDPOINT` wants for `http/protobuf`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Span]:
        """Every span so far."""
        requests = (ExportTraceServiceRequest.FromString(body) for body in self._bodies("/v1/traces"))
        return [span for r in requests for rs in r.resource_spans for ss in rs.scope_spans for span in ss.spans]

    @property
    def metrics(self) -> list[Metric]:
        """Every metric so far, as often as it came."""
        requests = (ExportMetricsServiceRequest.FromString(body) for body in self._bodies("/v1/metrics"))
        return [m for r in requests for rm in r.resource_metrics for sm in rm.scope_metrics for m in sm.metrics]

    @property
    def log_records(self) -> list[LogRecord]:
        """Every log record so far."""
        requests = (ExportLogsServiceRequest.FromString(body) for body in self._bodies("/v1/logs"))
        return [record for r in requests for rl in r.resource_logs for sl in rl.scope_logs for record in sl.log_records]

    def wait_until(self, claim: Callable[["Sink"], bool], *, within_s: float = 20.0) -> None:
        """Return as soon as `claim` holds of what has come."""
        with self._changed:
            if not self._changed.wait_for(lambda: claim(self), within_s):
                paths = [delivery.path for delivery in self.deliveries]
                raise TimeoutError(f"not within {within_s} s; {len(paths)} requests came: {paths[-20:]}")

    def refuse(self, times: int) -> None:
        """Answer 503 to the next requests."""
        with self._changed:
            self.refusals = times

    def keep(self, delivery: Delivery) -> int:
        """The status to answer with."""
        with self._changed:
            if self.refusals:
                self.refusals -= 1
                return _HTTP_UNAVAILABLE
            if not self.is_open:
                return _HTTP_UNAVAILABLE
            self.deliveries.append(delivery)
            self._changed.notify_all()
            return _HTTP_OK

    def _bodies(self, path: str) -> list[bytes]:
        return [delivery.body for delivery in self.deliveries if delivery.path == path]


@contextlib.contextmanager
def otlp_sink() -> Iterator[Sink]:
    """A sink that listens on a free port, with nothing in it yet."""
    server = _Server()
    with serving(server):
        yield server.sink


class _Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sink = Sink(self.server_port)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.server.sink.keep(Delivery(self.path, headers, body))
        # No body is the empty protobuf message: everything was accepted.
        self.send_response(status)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Requests are kept, not printed."""
