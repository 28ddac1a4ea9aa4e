"""Real servers in trouble: what hangs, is given up or blocks is known while it happens; times are scaled down."""

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from lapkit import app_server
from lapkit.processes import AppServer
from lapkit.totals import counts_by_process
from peers import Redis, Sink, otlp_sink, redis_server

pytestmark = pytest.mark.slow

AT_ONCE = ["--timeout-graceful-shutdown", "1"]
PATIENCE_S = 100.0
FOREVER_S = 3600.0
"""What hangs for so long ends with its server."""
WARNING_S = 0.25
"""EventLoopBlocked begins there."""


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with redis_server() as server:
        yield server


@dataclass(frozen=True, slots=True)
class Stage:
    """A server of the troubled app, and what it sends."""

    app: AppServer
    sink: Sink

    def post(self, path: str, *, patience_s: float = 60.0) -> int | None:
        """The status, None if the client went away."""
        try:
            return httpx.post(f"{self.app.url}/webhook/{path}", timeout=patience_s, trust_env=False).status_code
        except httpx.TimeoutException:
            return None

    def found(self, metric: str, attributes: Mapping[str, str], claim: Callable[[float], bool] = bool) -> bool:
        """Whether a point of a gauge with these attributes was sent of which the claim holds."""
        return any(
            claim(point.as_double or point.as_int) and attributes.items() <= values(point.attributes).items()
            for point in self.points(metric)
        )

    def points(self, metric: str) -> list[NumberDataPoint]:
        return [point for sent in self.sink.metrics if sent.name == metric for point in sent.gauge.data_points]

    def spans(self, name: str) -> list[Span]:
        return [span for span in self.sink.spans if span.name == name]


def values(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in attributes}


@contextmanager
def stage(redis: Redis, *server: str) -> Iterator[Stage]:
    argv = ["uvicorn", "--port", "{port}", "--log-level", "warning", *AT_ONCE, *server, "lapkit.troubled_app:app"]
    with otlp_sink() as sink:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": sink.url, "REDIS_URL": redis.url}
        with app_server(argv, env) as app:
            yield Stage(app, sink)


@contextmanager
def hanging(on: Stage, count: int, *, patience_s: float) -> Iterator[None]:
    """Webhooks whose handlers are not done before the server ends."""
    senders = ThreadPoolExecutor(count)
    for _ in range(count):
        senders.submit(on.post, f"hangs?seconds={FOREVER_S}", patience_s=patience_s)
    try:
        yield
    finally:
        senders.shutdown(wait=False)


def test_webhooks_that_hang_are_found_while_they_do_and_their_open_spans_with_them(redis):
    with stage(redis, "--workers", "4") as on, hanging(on, 8, patience_s=FOREVER_S):
        overdue = {"http.route": "/webhook/hangs", "webhook.provider": "twilio", "webhook.overdue.limit": "requirement"}
        on.sink.wait_until(
            lambda _: on.found("webhook.active_requests.overdue", overdue) and len(on.spans("lapbell.pending")) >= 8,
            within_s=PATIENCE_S,
        )
        shown = {values(span.attributes)["webhook.phase.name"] for span in on.spans("lapbell.pending")}
        ended = on.spans("POST /webhook/hangs")
    assert shown == {"cache_lookup"}
    assert ended == []


def test_twenty_webhooks_that_hang_and_whose_clients_go_away_are_abandoned_when_they_go(redis):
    with stage(redis) as on, hanging(on, 20, patience_s=1.5):
        on.sink.wait_until(lambda sink: sum(outcomes(sink, "abandoned").values()) == 20, within_s=PATIENCE_S)
    # That the handlers end with the server changes nothing.
    assert outcomes(on.sink, "accepted") == {}
    assert sum(outcomes(on.sink, "abandoned").values()) == 20


def outcomes(sink: Sink, outcome: str) -> dict[str, int]:
    """The last count of webhooks with an outcome, by process."""
    return counts_by_process(sink, "webhook.request.duration", {"webhook.outcome": outcome})


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_blocked_loop_is_found_with_its_line_and_those_who_waited_blame_the_loop(redis, loop):
    with stage(redis, "--loop", loop) as on:
        with ThreadPoolExecutor(2) as senders:
            waiting = senders.submit(on.post, "waits?for_blocked=true")
            blocking = senders.submit(on.post, "blocks?seconds=2&behind=1")
            assert waiting.result() == 200
            assert blocking.result() == 200
        on.sink.wait_until(
            lambda _: on.found(
                "lapbell.event_loop.blocked",
                {"code.file.path": "lapkit/troubled_app.py", "code.function.name": "report"},
                lambda seconds: seconds > 0.25,
            ),
            within_s=PATIENCE_S,
        )
        on.sink.wait_until(lambda _: bool(on.spans("webhook.event_loop")), within_s=PATIENCE_S)
        traces = {span.trace_id for span in on.spans("webhook.event_loop")}
    waited, blocked = ({span.trace_id for span in on.spans(f"POST /webhook/{name}")} for name in ("waits", "blocks"))
    assert traces == waited
    assert blocked & traces == set()


def test_a_loop_that_blocks_for_long_is_found_while_it_does(redis):
    with ThreadPoolExecutor(1) as senders, stage(redis) as on:
        blocking = senders.submit(on.post, f"blocks?seconds={FOREVER_S}", patience_s=FOREVER_S)
        on.sink.wait_until(
            lambda _: on.found(
                "lapbell.event_loop.blocked", {"code.function.name": "report"}, lambda seconds: seconds > 0.25
            ),
            within_s=PATIENCE_S,
        )
        assert not blocking.done()
        on.app.process.kill()


def test_an_answer_that_streams_for_long_is_not_stuck(redis):
    with stage(redis) as on:
        assert on.post("streams?seconds=6") == 200
        on.sink.wait_until(lambda _: bool(on.points("webhook.active_requests.overdue")), within_s=PATIENCE_S)
    assert on.found("webhook.active_requests.overdue", {}) is False
    assert on.spans("lapbell.pending") == []


def test_a_process_that_is_stopped_for_nine_tenths_of_the_time_blames_nobody(redis):
    """As the kernel does to a container whose CPU is throttled: all threads stand still together."""
    with stage(redis) as on:
        pid, over = on.app.process.popen.pid, threading.Event()

        def throttle() -> None:
            while not over.is_set():
                os.kill(pid, signal.SIGSTOP)
                over.wait(0.09)
                os.kill(pid, signal.SIGCONT)
                over.wait(0.01)

        throttling = threading.Thread(target=throttle)
        throttling.start()
        try:
            statuses = {on.post("waits?seconds=0") for _ in range(5)}
        finally:
            over.set()
            throttling.join()
        sent = len(on.sink.deliveries)
        on.sink.wait_until(lambda sink: len(sink.deliveries) > sent + 1, within_s=PATIENCE_S)
    # Where others have the machine too, the loop may truly wait for its turn, for less than anybody is told of.
    blamed = [
        (values(point.attributes), point.as_double)
        for point in on.points("lapbell.event_loop.blocked")
        if point.attributes and point.as_double >= WARNING_S
    ]
    assert statuses == {200}
    assert on.points("lapbell.event_loop.blocked")
    assert blamed == []
