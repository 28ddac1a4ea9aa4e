"""Numbers are exact whatever is sampled, and slow and failed traces are always exported."""

import gc
import random
import weakref

import pytest
from opentelemetry import propagate
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
    use_span,
)

import lapbell
from lapkit import Workbench, workbench

REQUESTS = 2_000
SAMPLED = NonRecordingSpan(SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
UNSAMPLED = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}


def request(bench: Workbench, duration_s: float, status: int = 200, parent: Context | None = None) -> str:
    """One webhook with one phase, its times set by hand; the trace's id."""
    tracer = bench.tracer_provider.get_tracer("test")
    start = 1_700_000_000_000_000_000
    attributes = {"http.request.method": "POST", "http.route": "/w"}
    root = tracer.start_span("POST /w", parent or Context(), SpanKind.SERVER, attributes, start_time=start)
    child = tracer.start_span("webhook.cache_lookup", set_span_in_context(root, Context()), start_time=start)
    child.end(start + int(duration_s * 5e8))
    root.set_attribute("http.response.status_code", status)
    if status >= 500:
        root.set_status(StatusCode.ERROR)
    root.end(start + int(duration_s * 1e9))
    return f"{root.get_span_context().trace_id:032x}"


def exported(bench: Workbench) -> dict[str, int]:
    """Spans by trace."""
    counts: dict[str, int] = {}
    for span in bench.spans:
        assert span.context.trace_flags.sampled
        trace_id = f"{span.context.trace_id:032x}"
        counts[trace_id] = counts.get(trace_id, 0) + 1
    return counts


def test_at_one_percent_every_request_is_counted_and_every_slow_or_failed_trace_is_exported_whole():
    rng = random.Random(1)
    slow, failed = set(), set()
    with workbench(sampler=lapbell.sampler(0.01)) as bench:
        for number in range(REQUESTS):
            if number % 100 == 0:
                slow.add(request(bench, 2.5))
            elif number % 100 == 1:
                failed.add(request(bench, 0.1, status=500))
            else:
                request(bench, rng.random())
        spans_by_trace = exported(bench)
        counted = sum(point.count for point in bench.points("webhook.request.duration"))
    assert counted == REQUESTS
    assert len(slow) == 20
    assert len(failed) == 20
    assert {trace_id: spans_by_trace.get(trace_id) for trace_id in slow | failed} == dict.fromkeys(slow | failed, 2)
    assert len(spans_by_trace) < 0.05 * REQUESTS


def test_a_sender_that_does_not_sample_hides_nothing():
    with workbench() as bench:
        for _ in range(100):
            request(bench, 0.1, parent=propagate.extract(UNSAMPLED, Context()))
        slow = request(bench, 3.0, parent=propagate.extract(UNSAMPLED, Context()))
        counted = sum(point.count for point in bench.points("webhook.request.duration"))
        spans_by_trace = exported(bench)
    assert counted == 101
    assert spans_by_trace == {slow: 2}


def test_a_slow_trace_that_the_head_did_not_sample_is_an_exemplar_all_the_same():
    with workbench(sampler=lapbell.sampler(0.0)) as bench:
        with use_span(SAMPLED):
            request(bench, 0.1)
            slow = request(bench, 3.0)
        points = bench.points("webhook.request.duration")
    assert [f"{exemplar.trace_id:032x}" for point in points for exemplar in point.exemplars] == [slow]


def test_a_late_child_follows_the_decision_about_its_root():
    with workbench(sampler=lapbell.sampler(0.0)) as bench:
        tracer = bench.tracer_provider.get_tracer("test")
        start = 1_700_000_000_000_000_000
        for duration_s in (0.1, 3.0):
            root = tracer.start_span("POST /w", Context(), SpanKind.SERVER, start_time=start)
            late = tracer.start_span(f"late {duration_s}", set_span_in_context(root, Context()))
            root.end(start + int(duration_s * 1e9))
            late.end()
    assert [span.name for span in bench.spans] == ["POST /w", "late 3.0"]


def test_roots_that_are_lost_without_ending_are_garbage():
    with workbench(sampler=lapbell.sampler(0.0)) as bench:
        tracer = bench.tracer_provider.get_tracer("test")
        root = tracer.start_span("POST /w", Context(), SpanKind.SERVER)
        child = tracer.start_span("webhook.validation", set_span_in_context(root, Context()))
        child.end()
        lost = weakref.ref(root)
        assert len(bench.processor._open) == 2
        del root, child
        gc.collect()
        assert lost() is None
        assert len(bench.processor._open) == 0


def test_an_endless_request_stays_bounded():
    with workbench(sampler=lapbell.sampler(0.0)) as bench:
        tracer = bench.tracer_provider.get_tracer("test")
        root = tracer.start_span("POST /w", Context(), SpanKind.SERVER)
        for _ in range(5_000):
            tracer.start_span("webhook.validation", set_span_in_context(root, Context())).end()
        trace = bench.processor._open[root.get_span_context().span_id]
        assert len(trace.spans) == 2_000
        assert len(trace.held) == 1_000
        root.end()
        assert trace.spans == []
        assert trace.held == []
        assert bench.points("webhook.request.duration")[0].count == 1


@pytest.mark.parametrize("ratio", [None, "", "1", 1.0])
def test_the_sampler_takes_what_the_variable_holds(ratio):
    assert lapbell.sampler(ratio).get_description() == lapbell.sampler(1.0).get_description()


def test_with_a_foreign_sampler_that_samples_all_numbers_are_exact_too():
    with workbench(sampler=ALWAYS_ON) as bench:
        for _ in range(10):
            request(bench, 0.1)
        assert sum(point.count for point in bench.points("webhook.request.duration")) == 10
        assert len(exported(bench)) == 10
