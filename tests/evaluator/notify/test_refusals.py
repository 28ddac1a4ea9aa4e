"""What each answer of an OTLP endpoint means for what was sent."""

import pytest
from grpc import StatusCode

from lapbell_evaluator.notify import DeliveryError, DeniedError, DoubtfulError, RefusedError
from lapbell_evaluator.notify.pauses import pause_s
from lapbell_evaluator.notify.refusals import grpc_refusal, http_refusal, retry_after_s

NOON = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def test_over_http_what_passes_is_told_from_what_never_will_and_from_what_we_have_to_mend():
    kinds = {status: type(http_refusal(status, "", None)) for status in (*range(300, 309), *range(400, 432), 451)}
    kinds |= {status: type(http_refusal(status, "", None)) for status in range(500, 512)}
    by_kind: dict[type[DeliveryError], list[int]] = {}
    for status, kind in kinds.items():
        by_kind.setdefault(kind, []).append(status)
    assert by_kind == {
        DeliveryError: [408, 425, 429, 502, 503, 504],
        DeniedError: [*range(300, 309), 401, 402, 404, 405, 407, 410, 415, 421, 426],
        DoubtfulError: [403, 406, 500, 501, *range(505, 512)],
        RefusedError: [400, 409, 411, 412, 413, 414, 416, 417, 418, 419, 420, 422, 423, 424, 427, 428, 430, 431, 451],
    }


def test_over_grpc_as_well():
    by_kind: dict[type[DeliveryError], list[str]] = {}
    for code in sorted(StatusCode, key=lambda code: code.name):
        if code is not StatusCode.OK:
            by_kind.setdefault(type(grpc_refusal(code, "", None)), []).append(code.name)
    assert by_kind == {
        DeliveryError: ["ABORTED", "CANCELLED", "DATA_LOSS", "DEADLINE_EXCEEDED", "OUT_OF_RANGE", "UNAVAILABLE"],
        DeniedError: ["NOT_FOUND", "UNAUTHENTICATED", "UNIMPLEMENTED"],
        DoubtfulError: [
            "ALREADY_EXISTS",
            "FAILED_PRECONDITION",
            "INTERNAL",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "UNKNOWN",
        ],
        RefusedError: ["INVALID_ARGUMENT"],
    }


def test_what_is_exhausted_passes_only_where_it_is_said_when():
    assert type(grpc_refusal(StatusCode.RESOURCE_EXHAUSTED, "", 2.0)) is DeliveryError


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("9" * 5000, 999_999_999.0),
        ("-1", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("Fri, 99 Jan 2027 08:00:30 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header, seconds):
    assert retry_after_s(header, NOON) == seconds


@pytest.mark.parametrize(
    ("status", "asked_s", "waited_s"),
    [(503, None, 4.0), (429, 7.0, 7.0), (429, 1.0, 4.0), (429, 86_400.0, 300.0), (401, None, 60.0), (403, 90.0, 90.0)],
)
def test_the_pause_is_what_the_receiver_asks_for_within_bounds(status, asked_s, waited_s):
    assert pause_s(http_refusal(status, "", asked_s), usual_s=4.0) == waited_s
