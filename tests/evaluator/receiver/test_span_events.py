"""What is kept of the events of a span, whichever way it came."""

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from lapbell import semconv
from lapbell_evaluator.evidence import SpanEvent
from lapbell_evaluator.receiver.json_traces import decode_json_spans
from lapbell_evaluator.receiver.refusal import Refusal
from lapbell_evaluator.receiver.spans import decode_spans
from otlp_kit.metrics import attributes, ns
from otlp_kit.otlp_json import otlp_json
from otlp_kit.traces import span, traces_export
from otlp_kit.wire import delimited

WAYS = [
    pytest.param(lambda export: decode_spans(export.SerializeToString()), id="protobuf"),
    pytest.param(lambda export: decode_json_spans(otlp_json(export)), id="json"),
]


def exception(at, **pairs):
    own = {f"exception.{name}": value for name, value in pairs.items()}
    return SpanMessage.Event(name="exception", time_unix_nano=ns(at), attributes=attributes(own))


def with_events(sent, *events):
    sent.events.extend(events)
    return sent


def kept(decode, sent):
    (only,) = decode(traces_export(sent)).spans
    return only.events


@pytest.mark.parametrize("decode", WAYS)
def test_of_a_span_that_failed_the_last_exception_is_kept(decode):
    sent = with_events(
        span("POST /w", 1, 2, failed=True),
        exception(1.2, type="KeyError", message="first"),
        SpanMessage.Event(name="a note", time_unix_nano=ns(1.3)),
        exception(1.5, type="app.Gone", message="it is gone", stacktrace='File "/a.py", line 1', escaped=True),
    )
    assert kept(decode, sent) == (
        SpanEvent(
            "exception",
            ns(1.5),
            (
                (semconv.EXCEPTION_TYPE, "app.Gone"),
                (semconv.EXCEPTION_MESSAGE, "it is gone"),
                (semconv.EXCEPTION_STACKTRACE, 'File "/a.py", line 1'),
            ),
        ),
    )


@pytest.mark.parametrize("decode", WAYS)
def test_events_of_a_span_that_did_what_it_should_are_not_kept(decode):
    assert kept(decode, with_events(span("POST /w", 1, 2), exception(1.5, type="KeyError"))) == ()


@pytest.mark.parametrize("decode", WAYS)
def test_long_texts_are_cut_and_of_a_stack_the_end_stays(decode):
    stack = "".join(f'File "/srv/{number}.py", line 7, in end\n' for number in range(999))
    sent = with_events(span("x", 1, 2, failed=True), exception(1, type="T" * 999, message="m" * 999, stacktrace=stack))
    (event,) = kept(decode, sent)
    assert {name: (len(value), value[-3:]) for name, value in event.attributes} == {
        semconv.EXCEPTION_TYPE: (256, "TTT"),
        semconv.EXCEPTION_MESSAGE: (512, "mmm"),
        semconv.EXCEPTION_STACKTRACE: (2_048, "end"),
    }


@pytest.mark.parametrize("decode", WAYS)
def test_a_snapshot_keeps_the_open_spans_of_a_request_that_runs(decode):
    opened = SpanMessage.Event(
        name="webhook.cache_lookup",
        time_unix_nano=ns(1),
        attributes=attributes({semconv.PENDING_SPAN_ID: "0" * 16, semconv.WEBHOOK_PHASE_NAME: "cache_lookup"}),
    )
    assert kept(decode, with_events(span(semconv.PENDING_SPAN, 4, 4), opened)) == (
        SpanEvent(
            "webhook.cache_lookup",
            ns(1),
            ((semconv.PENDING_SPAN_ID, "0" * 16), (semconv.WEBHOOK_PHASE_NAME, "cache_lookup")),
        ),
    )


def test_an_event_that_is_no_message_is_refused_as_the_official_messages_refuse_it():
    broken = span("x", 1, 2, failed=True).SerializeToString() + delimited(11, b"\xff\xff")
    body = delimited(1, delimited(2, delimited(2, broken)))
    with pytest.raises(Refusal):
        decode_spans(body)
