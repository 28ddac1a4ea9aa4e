"""A span around the app's own code, which can neither hurt it nor hide what it raises."""

from collections.abc import Callable
from typing import Final, NamedTuple

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, StatusCode

from lapbell import faults, semconv

__all__ = ["Entered", "enter", "leave"]

_SERVER_ERROR: Final = 500


class Entered(NamedTuple):
    """A span that is current, and what was before it."""

    span: Span
    inside: Context
    outside: Context


def enter(kind: str, start: Callable[[Context], Span], base: Context | None = None) -> Entered | None:
    """Make a span current; None if that is not possible, which is reported.

    Args:
        kind: of a fault, should there be one.
        start: starts the span in a context.
        base: that context; the current one if not given.
    """
    try:
        outside = otel_context.get_current()
        around = outside if base is None else base
        span = start(around)
        inside = trace.set_span_in_context(span, around)
        otel_context.attach(inside)
        return Entered(span, inside, outside)
    except Exception as fault:  # noqa: BLE001 - the app's code must run whatever is wrong with us
        faults.report(kind, fault)
        return None


def leave(kind: str, entered: Entered | None, error: BaseException | None) -> None:
    """End a span with what the app's code raised.

    Args:
        kind: of a fault, should there be one.
        entered: what `enter` answered.
        error: what was raised, None if nothing was.
    """
    if entered is None:
        return
    try:
        # Not `detach`: a generator may be resumed in another copy of the context, where a token is void.
        if otel_context.get_current() is entered.inside:
            otel_context.attach(entered.outside)
        if error is not None:
            _mark(entered.span, error)
    except Exception as fault:  # noqa: BLE001 - the app's own exception passes, ours does not replace it
        faults.report(kind, fault)
    finally:
        entered.span.end()


def _mark(span: Span, error: BaseException) -> None:
    """A refusal (an HTTP error below 500) and a cancellation are no failures; everything else is."""
    span.set_attribute(semconv.ERROR_TYPE, type(error).__qualname__)
    status = getattr(error, "status_code", None)
    refuses = isinstance(status, int) and status < _SERVER_ERROR
    if isinstance(error, Exception) and not refuses:
        span.set_status(StatusCode.ERROR)
        span.record_exception(error)  # last: it asks the app's exception for its message, which may fail
