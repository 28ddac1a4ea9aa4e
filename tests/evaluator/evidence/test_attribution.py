"""Whose time it is: in any trace the parts of each request are its time exactly."""

from hypothesis import given, settings
from hypothesis import strategies as st

from budget import scaled
from lapbell_evaluator.evidence import SERVER, Request, requests_of
from lapbell_evaluator.evidence.phases import phases_of
from lapbell_evaluator.model import Trace
from trace_kit import TRACE, span, traces


def duration_ns(request: Request) -> int:
    return max(0, request.root.end_ns - request.root.start_ns)


@given(traces())
@settings(max_examples=scaled(300), deadline=None)
def test_the_parts_of_a_request_follow_one_another_without_gaps_and_are_all_of_it(trace):
    for request in requests_of(trace):
        bounds = [(part.start_ns, part.end_ns) for part in request.parts]
        joined = [request.root.start_ns, *(end for _, end in bounds)]
        assert joined[:-1] == [start for start, _ in bounds]
        assert joined[-1] == request.root.start_ns + duration_ns(request)


@given(traces())
@settings(max_examples=scaled(300), deadline=None)
def test_phases_sum_to_the_request_and_are_those_of_the_recent_timings(trace):
    for request in requests_of(trace):
        assert sum(request.phases_ns().values()) == duration_ns(request)
        if request.root.kind == SERVER:
            told = tuple(sorted((phase, spent / 1e9) for phase, spent in request.phases_ns().items()))
            assert told == phases_of(request.root, trace.spans)


@given(traces())
@settings(max_examples=scaled(300), deadline=None)
def test_every_webhook_is_a_request_and_no_span_is_of_two(trace):
    requests = requests_of(trace)
    roots = [(each.root.job, each.root.span_id) for each in requests]
    owners = {(each.root.job, part.span_id): each.root.span_id for each in requests for part in each.parts}
    owned_twice = [
        part.span_id
        for each in requests
        for part in each.parts
        if owners[each.root.job, part.span_id] != each.root.span_id
    ]
    assert len(set(roots)) == len(roots)
    assert {(each.job, each.span_id) for each in trace.spans if each.kind == SERVER} <= set(roots)
    assert owned_twice == []


@given(st.permutations(range(5)))
@settings(max_examples=scaled(20), deadline=None)
def test_the_order_in_which_spans_come_means_nothing(order):
    spans = (
        span("POST", 0, 100, id_=1, kind=SERVER, http__route="/w"),
        span("webhook.validation", 10, 60, id_=2, parent=1),
        span("GET", 20, 30, id_=3, parent=2),
        span("task", 90, 300, id_=4, parent=1, kind=5, job="worker"),
        span("webhook.cache_lookup", 150, 200, id_=5, parent=4, job="worker"),
    )
    requests = requests_of(Trace(TRACE, tuple(spans[number] for number in order)))
    assert [each.phases_ns() for each in requests] == [
        {"other": 50 * 10**6, "validation": 50 * 10**6},
        {"other": 160 * 10**6, "cache_lookup": 50 * 10**6},
    ]


def test_two_thousand_spans_below_one_another_take_no_longer_than_two_thousand_beside():
    chain = [span("x", 0, 5_000 - number, id_=number, parent=number - 1) for number in range(1, 2_001)]
    servers = [span("POST", 0, 10, id_=5_000 + number, parent=2_000, kind=SERVER) for number in range(1_000)]
    assert len(requests_of(Trace(TRACE, (*chain, *servers)))) == 1_001
