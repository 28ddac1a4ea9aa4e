"""Nothing personal leaves: what an exporter that lapbell builds may send of a span."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.trace import Link, SpanContext, SpanKind, Status, TraceState
from opentelemetry.util.types import Attributes

from lapbell import semconv
from lapbell.redis_commands import command_name
from lapbell.scrubber import LOOKED_AT, MOST_CHARACTERS, cut, names_a_secret, quotes_data, scrub, scrub_name
from lapbell.tracing import Event, ReadableSpan, attributes_of, span_copy

__all__ = ["MOST_CHARACTERS", "scrub", "without_personal_attributes", "without_personal_data"]

_PLAIN: Final = frozenset({int, float, bool})
_SHORT: Final = 128
_FRAME: Final = re.compile(r'\s++File "[^"]*+", line \d')
_LIBRARY: Final = re.compile(r"/(?:site|dist)-packages/|/lib/python\d")
_REDIS: Final = "redis."
_REDIS_REASONS: Final = (
    (re.compile(r"refused|Error 111\b", re.IGNORECASE), "connection refused"),
    (re.compile(r"too many connections|no connection available", re.IGNORECASE), "too many connections"),
    (re.compile(r"timed? ?out", re.IGNORECASE), "timeout"),
    (re.compile(r"reset by peer|broken pipe|closed by server", re.IGNORECASE), "connection closed by server"),
    (re.compile(r"name or service not known|name resolution", re.IGNORECASE), "name or service not known"),
)
_FROM_THE_SERVER: Final = "ResponseError"
_REDIS_CODE: Final = re.compile(r"[A-Z]{3,16}(?= |$)")


_OF_SQL: Final = frozenset({"db.statement", "db.query.text"})
_TRACE_STATE: Final = "ot"
"""The one entry of a trace's state that OpenTelemetry itself reads; the others are whatever a sender wrote."""


def without_personal_data(span: ReadableSpan) -> ReadableSpan:
    """A copy without paths, queries, addresses, headers, bodies; every text scrubbed, and cut at 1,024 characters."""
    if _is_clean(span):
        return span
    return span_copy(
        span,
        name=scrub_name(span.name),
        context=None if span.context is None else _stateless(span.context),
        attributes=_allowed(span.attributes, server=span.kind is SpanKind.SERVER),
        events=[_event(event) for event in span.events],
        links=[Link(_stateless(link.context), _allowed(link.attributes)) for link in span.links],
        status=_status(span),
    )


def without_personal_attributes(attributes: Attributes, *, server: bool = False) -> dict[str, Any]:
    """The attributes of a metric's series without what is personal, texts scrubbed."""
    return _allowed(attributes, server=server)


def _is_clean(span: ReadableSpan) -> bool:
    """Whether the span may leave as it is; most do, and a copy costs more than the look."""
    if span.events or span.links or span.status.description or span.kind is SpanKind.SERVER:
        return False
    if scrub_name(span.name) != span.name or (span.context is not None and span.context.trace_state):
        return False
    if not span.attributes:
        return True
    attributes = attributes_of(span)
    if not _are_allowed(tuple(attributes)):
        return False
    if _has_statement_with_data(attributes):
        return False
    for key, value in attributes.items():
        kind = value.__class__
        if kind is not str:
            if kind not in _PLAIN:
                return False
        elif _text(key, value) != value:
            return False
    return True


@functools.lru_cache(maxsize=1_024)
def _are_allowed(keys: tuple[str, ...]) -> bool:
    return all(_is_allowed(key) for key in keys)


@functools.lru_cache(maxsize=4_096)
def _is_allowed(key: str) -> bool:
    is_personal = key in semconv.PERSONAL_ATTRIBUTES or key.startswith(semconv.PERSONAL_PREFIXES)
    return not is_personal and scrub_name(key) == key


def _has_statement_with_data(attributes: Mapping[str, Any]) -> bool:
    """Whether Redis' instrumentation has sent more than commands and question marks, because somebody called it so."""
    system = attributes.get(semconv.DB_SYSTEM_NAME) or attributes.get(semconv.DB_SYSTEM)
    if system != semconv.REDIS:
        return False
    return any(name in attributes and not _is_harmless(str(attributes[name])[:LOOKED_AT]) for name in _OF_SQL)


@functools.lru_cache(maxsize=1_024)
def _is_harmless(statement: str) -> bool:
    commands = (line.removesuffix(" ...").rstrip("? ") for line in statement.split("\n"))
    return all(command_name(command) == command.upper() for command in commands if command)


def _stateless(context: SpanContext) -> SpanContext:
    """The context with OpenTelemetry's own entry of the trace's state alone."""
    state = context.trace_state
    if not state:
        return context
    own = [(key, value) for key, value in state.items() if key == _TRACE_STATE and scrub_name(value) == value]
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, TraceState(own))


def _allowed(attributes: Attributes, *, server: bool = False) -> dict[str, Any]:
    # The address of a SERVER span is the Host header, which the sender writes.
    dropped = {semconv.SERVER_ADDRESS, semconv.SERVER_PORT, semconv.NET_HOST_NAME, semconv.NET_HOST_PORT}
    dropped = (dropped if server else set()) | (_OF_SQL if _has_statement_with_data(attributes or {}) else set())
    return {
        key: _scrubbed(key, value)
        for key, value in (attributes or {}).items()
        if _is_allowed(key) and key not in dropped
    }


def _scrubbed(key: str, value: Any) -> Any:  # noqa: ANN401 - attribute values are of many types
    if isinstance(value, str):
        return _text(key, value)
    if isinstance(value, bytes):
        return _text(key, value[: 4 * LOOKED_AT].decode(errors="replace"))
    if isinstance(value, Mapping):
        return {name: _scrubbed(name, item) for name, item in value.items() if _is_allowed(name)}
    if isinstance(value, Sequence):
        return [_scrubbed(key, item) for item in value]
    return value


def _text(key: str, value: str) -> str:
    """A text as it may leave: what names a thing of the app or of OpenTelemetry stays whole."""
    if key in semconv.NAMES_OF_THINGS:
        return cut(value)
    if names_a_secret(key):
        return "<secret>" if value else value
    return scrub_name(value) if key in semconv.NAMES_OF_WORK else _scrubbed_text(value)


@functools.lru_cache(maxsize=4_096)
def _scrubbed_short(text: str) -> str:
    return scrub(text)


def _scrubbed_text(text: str) -> str:
    """Short texts are the same again and again."""
    return _scrubbed_short(text) if len(text) <= _SHORT else scrub(text)


def _event(event: Event) -> Event:
    attributes = _allowed(event.attributes)
    if event.name == semconv.EXCEPTION_EVENT:
        attributes[semconv.EXCEPTION_MESSAGE] = _message(event.attributes or {})
        attributes[semconv.EXCEPTION_STACKTRACE] = _frames((event.attributes or {}).get(semconv.EXCEPTION_STACKTRACE))
    return Event(scrub(event.name), attributes, event.timestamp)


def _message(attributes: Mapping[str, Any]) -> str:
    error_type, message = (
        str(attributes.get(name, "")) for name in (semconv.EXCEPTION_TYPE, semconv.EXCEPTION_MESSAGE)
    )
    if error_type.startswith(_REDIS):
        return _redis_reason(error_type, message[:LOOKED_AT])
    return "" if quotes_data(error_type) else scrub(message)


def _redis_reason(error_type: str, message: str) -> str:
    """Our words for what became of the connection, or the code that Redis begins its errors with: no word of data."""
    code = _REDIS_CODE.match(message) if error_type.endswith(_FROM_THE_SERVER) else None
    if code is not None:
        return code[0]
    return next((reason for pattern, reason in _REDIS_REASONS if pattern.search(message)), "")


def _frames(stacktrace: Any) -> str:  # noqa: ANN401 - an attribute's value
    """Where, not what: the frames without the messages; if not all fit the app's own, then the innermost ones."""
    lines = [line.strip() for line in str(stacktrace or "").splitlines() if _FRAME.match(line)]
    numbers = sorted(range(len(lines)), key=lambda number: (bool(_LIBRARY.search(lines[number])), -number))
    shown, left = set(), MOST_CHARACTERS
    for number in numbers:
        if len(lines[number]) < left:
            shown.add(number)
            left -= len(lines[number]) + 1
    return "\n".join(lines[number] for number in sorted(shown))


def _status(span: ReadableSpan) -> Status:
    """The status, described by an error's type alone: the scrubbed message is in the event."""
    description = span.status.description
    if not description:
        return span.status
    return Status(span.status.status_code, scrub(description.partition(":")[0]))
