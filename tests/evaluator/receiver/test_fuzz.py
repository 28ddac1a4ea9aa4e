"""Every decoder of the receiver takes or refuses whatever comes, in calls and memory that its bytes bound.

`LAPBELL_BUDGET=40 pytest tests/evaluator/receiver/test_fuzz.py` looks for about ten minutes.
"""

import contextlib
import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import cramjam
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from budget import scaled
from lapbell_evaluator.receiver.body import encoding_seen, unpacked
from lapbell_evaluator.receiver.items import LOGS, METRICS, TRACES, check_items, check_json_items
from lapbell_evaluator.receiver.json_metrics import decode_json_metrics
from lapbell_evaluator.receiver.json_traces import count_json_logs, decode_json_spans
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.protobuf import decode_metrics
from lapbell_evaluator.receiver.refusal import Refusal
from lapbell_evaluator.receiver.remote_write import WrittenSeries
from lapbell_evaluator.receiver.sender_clocks import SenderClocks
from lapbell_evaluator.receiver.spans import count_logs, decode_spans
from lapbell_evaluator.receiver.translator import Translator
from lapbell_evaluator.receiver.write_messages import decode_written, unpacked_size
from lapbell_evaluator.series import SeriesStore
from otlp_kit import (
    distribution,
    exemplar,
    gauge,
    histogram,
    metrics_export,
    number,
    resource,
    seen,
    total,
    traces_export,
)
from otlp_kit import span as span_of
from otlp_kit.bombs import BOMBS, WRITTEN
from otlp_kit.bombs import LOGS as LOGS_PATH
from otlp_kit.bombs import METRICS as METRICS_PATH
from otlp_kit.bombs import TRACES as TRACES_PATH
from otlp_kit.exponential import exponential, exponential_point
from otlp_kit.mutations import TOKENS, mutations
from otlp_kit.otlp_json import otlp_json
from otlp_kit.wire import histogram_body
from promql_kit.remote_write import encoded_exemplar, encoded_labels, encoded_series

NOW = 1_000.0
LIMIT = 100_000
ITEMS = 1_000
CALLS_PER_BYTE, CALLS = 60, 20_000
MEMORY_PER_BYTE, MEMORY = 2_000, 4_000_000

NESTED: dict[str, Any] = {"deep": [{"a": [1, None, b"x"]}, "ü"], "n": -1, "f": 1.5, "b": True}
POINT = distribution([1, 2, 3], NOW, bounds=(0.5, 1.0), sum_=3.0, route="/w")
EXPORT = metrics_export(
    gauge("g", [number(1.5, NOW, **NESTED), number(2, NOW, flags=1)], "s"),
    total("c", [seen(number(3, NOW, start=1.0), exemplar(3.0, NOW, 5, 6, user="x"))], "By"),
    histogram("h", [seen(POINT, exemplar(0.7, NOW, 5, 6))]),
    exponential("e", [exponential_point([1, 2], NOW, scale=12, offset=-5, negative=[3], zero_count=1, sum_=2.0)]),
    of=resource(service_name="app", service_instance_id="1", host_name="h"),
)
SPANS = traces_export(span_of("work", 1, 2, failed=True, http_route="/w"), of=resource(service_name="app"))
RECORDS = ExportLogsServiceRequest(
    resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=[LogRecord(body=AnyValue(string_value="x"))] * 2)])]
)
WRITES = b"".join(
    encoded_series(encoded_labels((("__name__", name), ("job", "app"))), [(1_000_000, 1.0)], exemplified)
    for name, exemplified in (("m", b""), ("n", encoded_exemplar((("trace_id", "a"),), 0.5, 1_000_000)))
)


def bombs(path):
    return [bomb.body(20) for bomb in BOMBS.values() if bomb.path == path]


def packed(body):
    return bytes(cramjam.snappy.compress_raw(body))


def metrics(body):
    check_items(body, METRICS, ITEMS)
    Translator(SeriesStore(), Limits()).translate(decode_metrics(body), NOW)


def json_metrics(body):
    check_json_items(body, ITEMS)
    Translator(SeriesStore(), Limits()).translate(decode_json_metrics(body), NOW)


def traces(body):
    check_items(body, TRACES, ITEMS)
    decode_spans(body)


def logs(body):
    check_items(body, LOGS, ITEMS)
    count_logs(body)


def written(body):
    unpacked_size(body, LIMIT)
    WrittenSeries(SeriesStore(), Limits(), SenderClocks()).translate(decode_written(body, ITEMS), "192.0.2.7", NOW)


def written_unpacked(body):
    written(packed(body))


TARGETS: dict[str, tuple[Callable[[bytes], object], list[bytes], tuple[bytes, ...]]] = {
    "metrics": (
        metrics,
        [EXPORT.SerializeToString(), *(histogram_body(POINT, pieces) for pieces in (None, 2)), *bombs(METRICS_PATH)],
        (),
    ),
    "traces": (traces, [SPANS.SerializeToString(), *bombs(TRACES_PATH)], ()),
    "logs": (logs, [RECORDS.SerializeToString(), *bombs(LOGS_PATH)], ()),
    "JSON metrics": (json_metrics, [otlp_json(EXPORT), b'{"resource_metrics":[{"scope_metrics":[]}]}'], TOKENS),
    "JSON traces": (decode_json_spans, [otlp_json(SPANS), b'{"resource_spans":[{"scope_spans":[]}]}'], TOKENS),
    "JSON logs": (count_json_logs, [otlp_json(RECORDS), b'{"resource_logs":[{"scope_logs":[]}]}'], TOKENS),
    "remote write": (written_unpacked, [WRITES, *bombs(WRITTEN)], ()),
    "snappy": (written, [packed(WRITES), packed(b"\0" * 50_000)], ()),
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress,
}
PLAIN = [b"", b"what was sent " * 50, bytes(50_000), bytes(3 * LIMIT)]
PACKED = {name: [pack(plain) for plain in PLAIN] for name, pack in PACKERS.items()}


@contextmanager
def cost_of(costs):
    """Notes how many functions were called and how much memory was held at most."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    tracemalloc.start()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
        costs["memory"] = tracemalloc.get_traced_memory()[1]
        costs["calls"] = calls
        tracemalloc.stop()


def tried(target, body):
    """Which bounds a decoder broke with a body: none, whether it takes or refuses it."""
    costs = {"calls": 0, "memory": 0}
    with cost_of(costs), contextlib.suppress(Refusal):
        target(body)
    most = {"calls": CALLS + CALLS_PER_BYTE * len(body), "memory": MEMORY + MEMORY_PER_BYTE * len(body)}
    return {name: cost for name, cost in costs.items() if cost > most[name]}


@pytest.mark.parametrize("name", TARGETS)
def test_a_decoder_takes_or_refuses_whatever_comes_within_bounds(name):
    target, seeds, tokens = TARGETS[name]

    @settings(deadline=None, max_examples=scaled(60), suppress_health_check=list(HealthCheck))
    @given(mutations(seeds, tokens) | st.binary(max_size=200))
    def fuzz(body):
        assert tried(target, body) == {}

    fuzz()


@pytest.mark.parametrize("encoding", PACKERS)
def test_a_body_is_unpacked_or_refused_whatever_comes_within_bounds(encoding):
    sizes = []

    @settings(deadline=None, max_examples=scaled(60), suppress_health_check=list(HealthCheck))
    @given(mutations(PACKED[encoding]) | st.binary(max_size=200))
    def fuzz(body):
        bounds = tried(lambda packed: sizes.append(len(unpacked(packed, encoding, LIMIT))), body)
        assert {"broken": bounds, "too large": max(sizes, default=0) > LIMIT} == {"broken": {}, "too large": False}

    fuzz()


@settings(max_examples=scaled(200))
@given(st.sampled_from(["", *PACKERS]), st.sampled_from([EXPORT, SPANS, RECORDS]))
def test_how_a_message_is_packed_is_seen_from_its_first_bytes(encoding, export):
    body = export.SerializeToString()
    assert encoding_seen(PACKERS[encoding](body) if encoding else body) == encoding
