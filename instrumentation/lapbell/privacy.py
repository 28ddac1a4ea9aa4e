"""Nothing personal leaves: what an exporter that lapbell builds may send of a span."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.trace import Link, SpanKind, Status
from opentelemetry.util.types import Attributes

from lapbell import semconv
from lapbell.tracing import Event, ReadableSpan, attributes_of, span_copy

__all__ = ["MOST_CHARACTERS", "scrub", "without_personal_data"]

MOST_CHARACTERS: Final = 1_024

_LOOKED_AT: Final = 4 * MOST_CHARACTERS
"""Of a longer text the rest is dropped before it is looked at, so that looking takes no time to speak of."""
_SECRETS: Final = "auth|authorization|bearer|basic|token|apikey|api[_-]key|secret|password|passwd|pwd|signature"
_PREFIXES: Final = "whsec|sk|rk|pk|ghp|gho|ghs|ghu|github_pat|shpat|shpss|shppa|xox[abeprs]|SG"
_HAS_A_DIGIT: Final = r"(?=(?:[^\W\d]|-)*+\d)"
_HAS_A_LETTER: Final = r"(?=(?:[^\WA-Za-z]|-)*+[A-Za-z])"
_SHORTEST_NUMBER: Final = 8


def _number(match: re.Match[str]) -> str:
    return "<number>" if len(match[1]) >= _SHORTEST_NUMBER else match[0]


# Each takes time linear in the text: what is consumed is not given back, and no search begins within it.
_SCRUBS: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"(?<![\w.+-])[\w.+-]++(?:@|%40)[\w-]++(?:\.[\w-]++)++"), "<email>"),
    (re.compile(rf"(?i)(?<![a-z])(?:{_SECRETS})(?![a-z])[\s=:\"']++[^\s\"',;]++"), "<secret>"),
    (re.compile(rf"\b(?:{_PREFIXES})[_.-][\w.-]{{6,}}"), "<token>"),
    (re.compile(r"(?<![a-z0-9+.-])[0-9+.-]*+[a-z][a-z0-9+.-]*+://[^\s\"'<>]++", re.IGNORECASE), "<url>"),
    (re.compile(r"(?<![\w.])[+(]{0,2}(\d++(?!\w)(?:[\s().-]++\d++(?!\w))*+)"), _number),
    (re.compile(rf"(?<![\w-]){_HAS_A_DIGIT}{_HAS_A_LETTER}[\w-]{{20,}}+(?:\.[\w-]++)*+"), "<token>"),
)  # fmt: skip
_PLAIN: Final = frozenset({int, float, bool})
_FRAME: Final = re.compile(r'\s++File "[^"]*+", line \d')
_LIBRARY: Final = re.compile(r"/(?:site|dist)-packages/|/lib/python\d")
_REDIS: Final = "redis."
_NEIGHBOURS_WITH_DATA_IN_MESSAGES: Final = (_REDIS, "pydantic", "fastapi.exceptions.RequestValidationError")
"""Their messages quote keys, values and bodies, so only the type of such an error is sent, and of Redis' why it is."""
_REDIS_REASONS: Final = (
    (re.compile(r"refused|Error 111\b", re.IGNORECASE), "connection refused"),
    (re.compile(r"too many connections|no connection available", re.IGNORECASE), "too many connections"),
    (re.compile(r"timed? ?out", re.IGNORECASE), "timeout"),
    (re.compile(r"reset by peer|broken pipe|closed by server", re.IGNORECASE), "connection closed by server"),
    (re.compile(r"name or service not known|name resolution", re.IGNORECASE), "name or service not known"),
)
_FROM_THE_SERVER: Final = "ResponseError"
_REDIS_CODE: Final = re.compile(r"[A-Z]{3,16}(?= |$)")


def without_personal_data(span: ReadableSpan) -> ReadableSpan:
    """A copy without paths, queries, addresses, headers, bodies; exceptions scrubbed, texts cut at 1,024 characters."""
    if _is_clean(span):
        return span
    return span_copy(
        span,
        name=_cut(span.name),
        attributes=_allowed(span.attributes, server=span.kind is SpanKind.SERVER),
        events=[_event(event) for event in span.events],
        links=[Link(link.context, _allowed(link.attributes)) for link in span.links],
        status=_status(span),
    )


def _is_clean(span: ReadableSpan) -> bool:
    """Whether the span may leave as it is; most do, and a copy costs more than the look."""
    if span.events or span.links or span.status.description or span.kind is SpanKind.SERVER:
        return False
    if len(span.name) > MOST_CHARACTERS:
        return False
    if not span.attributes:
        return True
    attributes = attributes_of(span)
    for value in attributes.values():
        kind = value.__class__
        if len(value) > MOST_CHARACTERS if kind is str else kind not in _PLAIN:
            return False
    return _are_allowed(tuple(attributes))


@functools.lru_cache(maxsize=1_024)
def _are_allowed(keys: tuple[str, ...]) -> bool:
    return all(_is_allowed(key) for key in keys)


def _is_allowed(key: str) -> bool:
    return key not in semconv.PERSONAL_ATTRIBUTES and not key.startswith(semconv.PERSONAL_PREFIXES)


def scrub(text: str) -> str:
    """The text without phone numbers, e-mail addresses, URLs and tokens."""
    text = text[:_LOOKED_AT]
    for pattern, replacement in _SCRUBS:
        text = pattern.sub(replacement, text)
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS]


def _allowed(attributes: Attributes, *, server: bool = False) -> dict[str, Any]:
    # The address of a SERVER span is the Host header, which the sender writes.
    host = (semconv.SERVER_ADDRESS, semconv.SERVER_PORT, semconv.NET_HOST_NAME, semconv.NET_HOST_PORT) if server else ()
    return {key: _shortened(value) for key, value in (attributes or {}).items() if _is_allowed(key) and key not in host}


def _shortened(value: Any) -> Any:  # noqa: ANN401 - attribute values are of many types
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_shortened(item) for item in value]
    return value


def _event(event: Event) -> Event:
    attributes = _allowed(event.attributes)
    if event.name == semconv.EXCEPTION_EVENT:
        attributes[semconv.EXCEPTION_MESSAGE] = _message(attributes)
        attributes[semconv.EXCEPTION_STACKTRACE] = _frames((event.attributes or {}).get(semconv.EXCEPTION_STACKTRACE))
    return Event(_cut(event.name), attributes, event.timestamp)


def _message(attributes: Mapping[str, Any]) -> str:
    error_type, message = (
        str(attributes.get(name, "")) for name in (semconv.EXCEPTION_TYPE, semconv.EXCEPTION_MESSAGE)
    )
    if error_type.startswith(_REDIS):
        return _redis_reason(error_type, message[:_LOOKED_AT])
    return "" if error_type.startswith(_NEIGHBOURS_WITH_DATA_IN_MESSAGES) else scrub(message)


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
