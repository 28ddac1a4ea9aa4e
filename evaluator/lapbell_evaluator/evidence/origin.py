"""Where a failed request failed: the span in which the failure began, and what it was."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lapbell import semconv
from lapbell_evaluator.evidence.phases import is_redis, phase_of, phases_of, spans_below
from lapbell_evaluator.evidence.redis_errors import redis_error_name
from lapbell_evaluator.evidence.redis_spans import server_of
from lapbell_evaluator.evidence.span import SERVER, Span
from lapbell_evaluator.evidence.stack import app_line

__all__ = ["Failure", "failure_of"]


@dataclass(frozen=True, slots=True)
class Failure:
    """How one request failed.

    Attributes:
        error_type: the exception's type, `error.type`, the status code, or `abandoned`.
        reason: why, in few words; empty if `error_type` says all.
        span: the name of the span in which it began.
        phase: the phase of that span, or the nearest one above it; None outside of phases.
        status_code: HTTP's; None if there was no answer.
        provider: who sent the request; empty if unknown.
        message: of the exception.
        line: of the app, as `function (file:line)`; empty if not known.
        system: `redis` if a Redis call failed; empty otherwise.
        server: that it went to, as `address:port`; empty if not known.
    """

    error_type: str
    reason: str
    span: str
    phase: str | None
    status_code: int | None
    provider: str
    message: str
    line: str
    system: str = ""
    server: str = ""


def failure_of(request: Span, spans: Iterable[Span]) -> Failure:
    """Follow the failure from the request down to the span in which it began.

    Args:
        request: the SERVER span of a request that failed.
        spans: all spans of its trace, of any process.
    """
    below = spans_below(request, spans)
    if request.attribute(semconv.WEBHOOK_OUTCOME) == semconv.OUTCOME_ABANDONED:
        return _abandoned(request, below)
    path = _path(request, below)
    origin = path[-1]
    raising = next((span for span in reversed(path) if span.exception is not None), origin)
    exception = raising.exception
    error_type = exception.attribute(semconv.EXCEPTION_TYPE) if exception else ""
    message = exception.attribute(semconv.EXCEPTION_MESSAGE) if exception else ""
    error_type = error_type or origin.attribute(semconv.ERROR_TYPE) or request.attribute(semconv.ERROR_TYPE)
    status = request.attribute(semconv.HTTP_RESPONSE_STATUS_CODE)
    redis = next((span for span in reversed(path) if is_redis(span)), None)
    return Failure(
        error_type=error_type or status or semconv.ERROR_TYPE_OTHER,
        reason="" if redis is None else redis_error_name(redis, error_type, message),
        span=origin.name,
        phase=_phase(path),
        status_code=_status(request),
        provider=request.attribute(semconv.WEBHOOK_PROVIDER),
        message=message,
        line=next((line for span in reversed(path) if (line := _line(span))), ""),
        system="" if redis is None else semconv.REDIS,
        server="" if redis is None else server_of(redis),
    )


def _abandoned(request: Span, below: Mapping[str, Span]) -> Failure:
    """The client went away: what the request did for the longest time is what kept it from answering."""
    times = dict(phases_of(request, (request, *below.values())))
    phase = max(times, key=lambda name: (times[name], name), default=semconv.PHASE_OTHER)
    span = next((span.name for span in below.values() if phase_of(span) == phase), request.name)
    return Failure(
        error_type=semconv.OUTCOME_ABANDONED,
        reason="the client went away",
        span=span,
        phase=phase,
        status_code=_status(request),
        provider=request.attribute(semconv.WEBHOOK_PROVIDER),
        message="",
        line="",
    )


def _path(request: Span, below: Mapping[str, Span]) -> list[Span]:
    """From the request to the span in which the failure began: each one failed because the next one did."""
    children: dict[str, list[Span]] = {}
    for span in below.values():
        parent = span.parent_id if span.parent_id in below else request.span_id
        children.setdefault(parent, []).append(span)
    path, passed = [request], {request.span_id}
    while True:
        here = path[-1]
        inner = _cause(here, children.get(here.span_id, ()))
        if inner is None or inner.span_id in passed:
            return path
        path.append(inner)
        passed.add(inner.span_id)


def _cause(span: Span, children: Iterable[Span]) -> Span | None:
    """The child whose failure made a span fail; None if the span failed by itself.

    It is the last child that failed with the same type of exception. A child that failed otherwise counts where the
    span says nothing of its own; else, it counts unless something was begun after it ended: then it was handled.
    """
    inside = sorted(children, key=lambda child: (child.end_ns, child.start_ns))
    failed = [child for child in inside if child.failed]
    if not failed:
        return None
    own = _type(span)
    last = failed[-1]
    if not own or own == semconv.ERROR_TYPE_OTHER or own.isdigit():
        return last
    alike = [child for child in failed if _bare(_type(child)) == _bare(own)]
    if alike:
        return alike[-1]
    was_handled = any(child.start_ns >= last.end_ns and child is not last for child in inside)
    return None if was_handled else last


def _type(span: Span) -> str:
    exception = span.exception
    named = exception.attribute(semconv.EXCEPTION_TYPE) if exception else ""
    return named or span.attribute(semconv.ERROR_TYPE)


def _bare(error_type: str) -> str:
    """The type's name without its module: spans say it either way."""
    return error_type.rpartition(".")[2]


def _phase(path: Iterable[Span]) -> str | None:
    """The innermost phase that the user named; a Redis call outside of one is a phase of its own."""
    named = [span for span in path if span.kind != SERVER and phase_of(span)]
    plain = next((span for span in reversed(named) if not is_redis(span)), None)
    chosen = plain or (named[-1] if named else None)
    return None if chosen is None else phase_of(chosen)


def _status(request: Span) -> int | None:
    status = request.attribute(semconv.HTTP_RESPONSE_STATUS_CODE)
    return int(status) if status.isdigit() else None


def _line(span: Span) -> str:
    """Where the app was when it raised."""
    exception = span.exception
    return app_line(exception.attribute(semconv.EXCEPTION_STACKTRACE)) if exception else ""
