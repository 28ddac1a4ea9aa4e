"""A trace as OTLP/JSON is the same trace when it comes back in."""

import json

from hypothesis import given, settings

from budget import scaled
from lapbell_evaluator.evidence import otlp_document
from lapbell_evaluator.model import SpanEvent, Trace
from lapbell_evaluator.receiver.json_traces import decode_json_spans
from trace_kit import TRACE, span, traces


def returned(trace: Trace) -> set:
    return set(decode_json_spans(json.dumps(otlp_document(trace)).encode()).spans)


@given(traces())
@settings(max_examples=scaled(200), deadline=None)
def test_any_trace_comes_back_as_it_was(trace):
    assert returned(trace) == set(trace.spans)


def test_exceptions_and_numbers_come_back_as_they_were():
    raised = SpanEvent("exception", 5, (("exception.type", "ValueError"), ("exception.message", "no such user")))
    failed = span(
        "POST", 0, 9, kind=2, failed=True, events=(raised,), http__response__status_code="500", error__type="ValueError"
    )
    assert returned(Trace(TRACE, (failed,))) == {failed}


def test_jobs_with_and_without_a_namespace_come_back_as_they_were():
    spans = {
        span("POST", 0, 9, id_=number, job=job) for number, job in enumerate(("a", "a/b", "a/b/c", "/a", "a/", ""))
    }
    assert returned(Trace(TRACE, tuple(spans))) == spans
