"""Where a failed request failed."""

import pytest

from blame_kit import Failing, Request, Service
from lapbell import semconv
from lapbell_evaluator.evidence import INTERNAL, RecentTraces, Span, SpanEvent
from lapbell_evaluator.evidence.origin import Failure, failure_of
from lapbell_evaluator.evidence.redis_errors import error_name
from lapbell_evaluator.series import SeriesStore

PHASES = (("validation", 0.01), ("cache_lookup", 0.02), ("task_queuing", 0.01), ("other", 0.01))
REFUSED = Failing("cache_lookup", "redis.exceptions.ConnectionError", redis="GET", message="connection refused")
LINE = "handle (/srv/app/hooks.py:42)"


def failure(failing, *, phases=PHASES, status=500, **own):
    request = Request(100.0, phases, failing=failing, status=status, **own)
    spans = Service(SeriesStore(), RecentTraces()).spans(request, f"{7:032x}")
    return failure_of(spans[-1], spans)


def test_redis_refused_in_the_cache_lookup_is_named_with_its_exception_and_phase():
    until = PHASES[:2]
    assert failure(REFUSED, phases=until) == Failure(
        error_type="redis.exceptions.ConnectionError",
        reason="connection refused",
        span="GET",
        phase="cache_lookup",
        status_code=500,
        provider="stripe",
        message="connection refused",
        line=LINE,
        system="redis",
    )


@pytest.mark.parametrize(
    ("failing", "status"),
    [
        (Failing("cache_lookup", "ValueError", message="no"), 500),
        (Failing("cache_lookup", "ValueError", message="no", wrapped_as="app.HookError"), 500),
        (Failing("cache_lookup", "ValueError", message="no", is_answered=True), 503),
    ],
)
def test_an_exception_is_followed_to_its_phase_whether_it_passes_is_wrapped_or_is_answered(failing, status):
    assert failure(failing, phases=PHASES[:2], status=status) == Failure(
        "ValueError", "", "webhook.cache_lookup", "cache_lookup", status, "stripe", "no", LINE
    )


def test_an_exception_that_the_app_caught_before_it_went_on_is_not_why_it_failed_later():
    failing = Failing("task_queuing", "KeyError", message="'id'")
    found = failure(failing, phases=PHASES[:3], handled=("cache_lookup",))
    assert found.error_type == "KeyError"
    assert found.phase == "task_queuing"


def test_outside_of_phases_the_request_itself_failed():
    found = failure(Failing("", "KeyError", message="'id'"), handled=("validation",))
    assert found.error_type == "KeyError"
    assert found.span == "POST /w"
    assert found.phase is None


def test_a_status_without_an_exception_is_what_there_is_to_tell():
    found = failure(Failing("", ""), status=503)
    assert found.error_type == "503"
    assert found.span == "POST /w"
    assert found.phase is None
    assert found.status_code == 503


def test_of_a_client_that_went_away_the_phase_that_kept_it_waiting_is_named():
    phases = (("validation", 0.01), ("cache_lookup", 14.9), ("other", 0.1))
    found = failure(None, phases=phases, is_abandoned=True)
    assert found.error_type == "abandoned"
    assert found.span == "webhook.cache_lookup"
    assert found.phase == "cache_lookup"
    assert found.status_code is None


def test_spans_that_name_each_other_as_parents_end_the_search():
    root = Service(SeriesStore(), RecentTraces()).spans(Request(100.0, PHASES, failing=Failing("", "X")), "7" * 32)[-1]
    event = SpanEvent(semconv.EXCEPTION_EVENT, 0, ((semconv.EXCEPTION_TYPE, "X"),))

    def inner(id_, parent):
        return Span(root.trace_id, id_, parent, id_, INTERNAL, 0, 1, True, root.job, root.instance, (), (event,))

    assert failure_of(root, [root, inner("a", "b"), inner("b", "a")]).error_type == "X"


@pytest.mark.parametrize(
    ("code", "error_type", "message", "name"),
    [
        ("WRONGTYPE", "redis.exceptions.ResponseError", "", "WRONGTYPE"),
        ("", "redis.exceptions.OutOfMemoryError", "", "OOM"),
        ("", "ReadOnlyError", "", "READONLY"),
        ("", "redis.exceptions.BusyLoadingError", "", "LOADING"),
        ("", "redis.exceptions.MovedError", "", "MOVED"),
        ("", "redis.exceptions.ResponseError", "MISCONF Redis is configured to save", "MISCONF"),
        ("", "redis.exceptions.ConnectionError", "Error 111 connecting to 127.0.0.1:1.", "connection refused"),
        ("", "redis.exceptions.ConnectionError", "Too many connections", "pool exhausted"),
        ("", "redis.exceptions.ConnectionError", "Error while reading: Connection reset by peer", "connection lost"),
        ("", "redis.exceptions.ConnectionError", "", "connection failed"),
        ("", "redis.exceptions.TimeoutError", "", "timeout"),
        ("", "ValueError", "no", ""),
    ],
)
def test_errors_of_redis_have_the_names_that_redis_gives_them(code, error_type, message, name):
    assert error_name(code, error_type, message) == name
