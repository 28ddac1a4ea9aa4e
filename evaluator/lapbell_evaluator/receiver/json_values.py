"""Values as OTLP's JSON writes them become Python's."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from lapbell_evaluator.receiver.attributes import plain_text
from lapbell_evaluator.receiver.json_messages import AnyValue, Integer, KeyValue, Real
from lapbell_evaluator.receiver.refusal import Reason, Refusal

__all__ = ["decoded", "integer", "json_pairs", "real", "unsigned"]

_SIGNED_END: Final = 1 << 63
_UNSIGNED_END: Final = 1 << 64
_URL_SAFE_TO_PLAIN: Final = str.maketrans("-_", "+/")


@contextmanager
def decoded(signal: str) -> Iterator[None]:
    """What goes wrong inside becomes a refusal.

    Raises:
        Refusal: the JSON is none, or not OTLP's.
    """
    try:
        yield
    except (msgspec.DecodeError, RecursionError, OverflowError, ValueError) as error:
        raise Refusal(
            Reason.UNDECODABLE, f"The body is not an OTLP {signal} export: {error}.", "Send JSON as OTLP defines it."
        ) from None


def integer(value: Integer) -> int:
    """A signed 64-bit integer, 0 if absent."""
    number = int(value) if value else 0
    if not -_SIGNED_END <= number < _SIGNED_END:
        raise ValueError(f"{value} does not fit 64 bits")
    return number


def unsigned(value: Integer) -> int:
    """An unsigned 64-bit integer, 0 if absent."""
    number = int(value) if value else 0
    if not 0 <= number < _UNSIGNED_END:
        raise ValueError(f"{value} does not fit 64 bits without a sign")
    return number


def real(value: Real) -> float:
    """A double, 0 if absent; `float` reads NaN, Infinity and -Infinity."""
    return float(value) if value else 0.0


def json_pairs(attributes: Sequence[KeyValue] | None) -> tuple[tuple[str, str], ...]:
    """Names and values as text, in the order sent."""
    return tuple((pair.key, "" if pair.value is None else _text(pair.value)) for pair in attributes or ())


def _text(value: AnyValue) -> str:
    return plain_text(_plain(value)) if value.string_value is None else value.string_value


def _plain(value: AnyValue | None) -> object:
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return int(value.int_value)
    if value.double_value is not None:
        return float(value.double_value)
    if value.array_value is not None:
        return [_plain(item) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values or ()}
    if value.bytes_value is not None:
        return _plain_base64(value.bytes_value)
    return None


def _plain_base64(text: str) -> str:
    """Base64 as protobuf prints it; senders may use the URL's alphabet and leave the padding out."""
    standard = text.translate(_URL_SAFE_TO_PLAIN)
    return base64.b64encode(base64.b64decode(standard + "=" * (-len(standard) % 4))).decode()
