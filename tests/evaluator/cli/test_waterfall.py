"""What a person sees of a trace."""

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from budget import scaled
from lapbell_evaluator.api.trace_view import trace_around, trace_spans
from lapbell_evaluator.cli.comparison import print_comparison
from lapbell_evaluator.cli.console import PlainConsole
from lapbell_evaluator.cli.span_tree import branches
from lapbell_evaluator.cli.waterfall import bar, print_trace, seconds
from lapbell_evaluator.evidence import SERVER, requests_of
from lapbell_evaluator.model import SpanEvent, Trace, TraceRole, TraceView
from trace_kit import TRACE, span, traces

DURATIONS = st.floats(0, 100, allow_nan=False)


def answer(trace, kept_with=()):
    """As REST tells it."""
    requests = requests_of(trace)
    view = TraceView(trace, kept_with, is_recent=True)
    around = json.loads(trace_around(view, requests).model_dump_json())
    return around | {"spans": [json.loads(each.model_dump_json()) for each in trace_spans(view, requests)]}


def printed(columns, show, *what):
    text = io.StringIO()
    show(*what, PlainConsole(file=text, width=columns, force_terminal=False))
    return text.getvalue()


def slow(*, check_ms=900, failed=False):
    raised = SpanEvent("exception", 0, (("exception.type", "ValueError"), ("exception.message", "no signature")))
    end_ms = check_ms + 100
    return Trace(
        TRACE,
        (
            span("POST /w", 0, end_ms, id_=1, kind=SERVER, http__route="/w", failed=failed),
            span("webhook.validation", 0, 50, id_=2, parent=1),
            span(
                "webhook.signature_validation",
                50,
                50 + check_ms,
                id_=3,
                parent=1,
                failed=failed,
                events=(raised,) if failed else (),
            ),
            span("send tasks", end_ms - 40, end_ms, id_=4, parent=1, kind=4),
            span("process tasks", end_ms, end_ms + 200, id_=5, parent=4, kind=5, job="worker"),
        ),
        cut=3,
    )


def test_a_waterfall_fits_on_80_columns_and_shows_who_was_waited_for_where_it_failed_and_what_is_missing():
    text = printed(80, print_trace, answer(slow(failed=True), ((f"{'a' * 16}-1", TraceRole.EXAMPLE),)))
    assert text.splitlines() == [
        f"{TRACE}  1.20 s  5 spans of shop, worker",
        "/w: signature_validation 900.0 ms, validation 50.0 ms, task_queuing 40.0 ms, ",
        "other 10.0 ms",
        "worker: other 200.0 ms",
        f"kept as an example of alert {'a' * 16}",
        "",
        "                           0            600.0 ms               1.20 s",
        "POST /w (shop)             ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░█░           1.00 s!",
        "  validation               ██                                           50.0 ms ",
        "  signature_validation      ████████████████████████████████           900.0 ms!",
        "    ValueError: no signature",
        "  send tasks                                                ██          40.0 ms ",
        "    process tasks (worker)                                    ███████  200.0 ms ",
        "",
        "█ critical path   ░ waits for a span below, or nobody waits for it   ! failed",
        "3 more spans were not kept.",
    ]


def test_the_worst_trace_stands_beside_a_normal_one_and_what_grew_is_marked():
    text = printed(80, print_comparison, answer(slow(failed=True)), answer(slow(check_ms=30)), "/w")
    assert text.splitlines() == [
        "",
        f"worst   lapbell trace {TRACE}",
        f"normal  lapbell trace {TRACE}",
        "PHASE                  WORST                  NORMAL      ",
        "whole request          ████████████   1.00 s ██           130.0 ms +870.0 ms",
        "signature_validation   ███████████  900.0 ms ▏             30.0 ms +870.0 ms ◀",
        "other                  ▏             10.0 ms ▏             10.0 ms     +0 µs",
        "task_queuing           ▏             40.0 ms ▏             40.0 ms     +0 µs",
        "validation             █             50.0 ms █             50.0 ms     +0 µs",
        "failed in signature_validation: ValueError: no signature",
    ]


def test_without_a_normal_trace_the_worst_one_stands_alone():
    lines = printed(80, print_comparison, answer(slow()), None, "/w").splitlines()
    assert lines[2] == "normal  none was in memory when the alert began"
    assert lines[4].split() == ["whole", "request", "████████████", "1.00", "s", "-"]


@given(traces(), st.sampled_from((40, 80, 120, 200)))
@settings(max_examples=scaled(150), deadline=None)
def test_no_line_of_any_trace_is_wider_than_the_terminal(trace, columns):
    lines = printed(columns, print_trace, answer(trace)).splitlines()
    assert max(map(cell_len, lines)) <= max(columns, 60)


@given(traces())
@settings(max_examples=scaled(300), deadline=None)
def test_every_span_has_one_place_behind_its_parent(trace):
    spans = answer(trace)["spans"]
    placed = branches(spans)
    order = {branch.span["span_id"]: number for number, branch in enumerate(placed)}
    assert sorted(order) == sorted(each["span_id"] for each in spans)
    assert len(placed) == len(spans)
    for branch in placed:
        parent = branch.span["parent_id"]
        if branch.depth:
            assert order[parent] < order[branch.span["span_id"]]
            assert placed[order[parent]].depth == branch.depth - 1
        else:
            assert branch.is_orphan == (parent is not None)


@given(traces())
@settings(max_examples=scaled(200), deadline=None)
def test_self_times_of_spans_sum_to_their_requests(trace):
    told = answer(trace)
    spent = round(sum(each["self_time"] for each in told["spans"]) * 1e9)
    assert spent == round(sum(each["duration"] for each in told["requests"]) * 1e9)


@given(DURATIONS, DURATIONS, st.lists(st.tuples(DURATIONS, DURATIONS), max_size=4), DURATIONS, st.integers(1, 200))
@settings(max_examples=scaled(300), deadline=None)
def test_a_bar_is_as_wide_as_it_should_be_whatever_it_shows(offset, duration, owned, total, columns):
    drawn = bar(offset, duration, owned, total, columns)
    assert len(drawn) == columns
    assert set(drawn) <= {" ", "█", "░"}
    assert drawn.strip() != ""


def test_of_a_request_that_hangs_it_is_told_what_it_is_in():
    opened = (SpanEvent("POST /w", 0), SpanEvent("webhook.cache_lookup", 2 * 10**9))
    pending = span("lapbell.pending", 12_000, 12_000, id_=9, parent=1, events=opened)
    lines = printed(80, print_trace, answer(Trace(TRACE, (pending,)))).splitlines()
    assert [line.strip() for line in lines if "still" in line] == [
        "still in POST /w, for 12.00 s",
        "still in webhook.cache_lookup, for 10.00 s",
    ]


def test_times_are_told_with_the_unit_that_fits_them():
    assert [seconds(each) for each in (0, 12e-6, 0.0123, 1.005, 123.4)] == [
        "0 µs",
        "12 µs",
        "12.3 ms",
        "1.00 s",
        "123.40 s",
    ]


def test_a_name_that_would_move_the_cursor_does_not():
    text = printed(80, print_trace, answer(Trace(TRACE, (span("\x1b[2J\x1b]0;owned\x07", 0, 9),))))
    assert [code for code in text if ord(code) < 32 and code != "\n"] == []
