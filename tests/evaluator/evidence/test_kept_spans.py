"""What may be kept of a trace: nothing personal, and not more than fits."""

from lapbell_evaluator.evidence import MOST_KEPT_BYTES, bounded, scrubbed, size_of
from lapbell_evaluator.evidence.bounding import MOST_KEPT_SPANS
from lapbell_evaluator.model import SpanEvent, Trace
from trace_kit import TRACE, span

CANARY = "canary7f3a"


def test_no_text_of_a_foreign_sender_leaves_with_a_secret_in_it():
    personal = f"ann.{CANARY}@example.com"
    raised = SpanEvent(
        "exception",
        5,
        (
            ("exception.type", "ValueError"),
            ("exception.message", f"password={CANARY} of {personal}"),
        ),
    )
    quoted = SpanEvent(
        "exception", 5, (("exception.type", "redis.exceptions.ResponseError"), ("exception.message", f"key {CANARY}"))
    )
    trace = Trace(
        TRACE,
        (
            span(f"GET {personal}", 0, 9, error__type=f"token={CANARY}", events=(raised,), failed=True),
            span("GET", 0, 9, id_=2, webhook__provider=personal, events=(quoted,), failed=True),
        ),
    )
    assert CANARY not in repr(scrubbed(trace))


def test_a_huge_text_is_cut():
    trace = scrubbed(Trace(TRACE, (span("x" * 10**6, 0, 9, http__route="/w" * 10**6),)))
    assert {len(trace.spans[0].name), len(trace.spans[0].attributes[0][1])} == {1_024}


def test_of_too_many_spans_requests_failures_and_the_longest_stay_and_the_rest_is_counted():
    small = [span("x", 0, number % 7, id_=number) for number in range(3, 100_003)]
    telling = [span("POST", 0, 1, id_=1, kind=2), span("y", 0, 1, id_=2, failed=True)]
    kept = bounded(Trace(TRACE, (*small, *telling), cut=5))
    ids = {each.span_id for each in kept.spans}
    assert len(kept.spans) == MOST_KEPT_SPANS or sum(map(size_of, kept.spans)) > MOST_KEPT_BYTES - 1_000
    assert {each.span_id for each in telling} <= ids
    assert len(kept.spans) + kept.cut == 100_007


def test_huge_spans_are_kept_as_far_as_they_fit():
    huge = [span("x", 0, 9, id_=number, http__route="y" * 100_000) for number in range(1, 50)]
    kept = bounded(Trace(TRACE, tuple(huge)))
    assert {"spans": len(kept.spans), "cut": kept.cut} == {"spans": 5, "cut": 44}


def test_one_span_that_does_not_fit_costs_no_other():
    fat = span("POST", 0, 9, id_=1, kind=2, http__route="y" * 2 * MOST_KEPT_BYTES)
    kept = bounded(Trace(TRACE, (fat, *(span("x", 0, 9, id_=number) for number in range(2, 50)))))
    assert {"spans": len(kept.spans), "cut": kept.cut} == {"spans": 48, "cut": 1}
