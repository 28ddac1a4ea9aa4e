"""What is wrong with a body of JSON, and where."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from lapbell_evaluator.receiver.json_names import camel_name
from lapbell_evaluator.receiver.json_values import (
    SPAN_KINDS,
    STATUS_CODES,
    TEMPORALITIES,
    enum_number,
    integer,
    plain_base64,
    real,
    unsigned,
)
from lapbell_evaluator.receiver.refusal import Reason, Refusal

__all__ = ["decoded"]

_Check = Callable[..., object]
_CHECKS: Final[dict[str, _Check]] = {
    **dict.fromkeys(("asInt", "intValue", "scale", "offset"), integer),
    **dict.fromkeys(("timeUnixNano", "startTimeUnixNano", "endTimeUnixNano", "count", "zeroCount", "flags"), unsigned),
    "bucketCounts": unsigned,
    **dict.fromkeys(("asDouble", "doubleValue", "sum", "zeroThreshold", "explicitBounds", "quantile", "value"), real),
    "aggregationTemporality": lambda value: enum_number(value, TEMPORALITIES),
    "kind": lambda value: enum_number(value, SPAN_KINDS),
    "code": lambda value: enum_number(value, STATUS_CODES),
    "bytesValue": plain_base64,
}
"""What a field's text must be, by its name."""


@contextmanager
def decoded(signal: str, body: bytes) -> Iterator[None]:
    """What goes wrong with a body inside becomes a refusal that names the place.

    Raises:
        Refusal: the JSON is none, or not OTLP's.
    """
    try:
        yield
    except (msgspec.DecodeError, RecursionError) as error:
        raise _undecodable(signal, str(error)) from None
    except (OverflowError, ValueError) as error:
        raise _undecodable(signal, f"{error}{_place_of_misfit(body)}") from None


def _undecodable(signal: str, why: str) -> Refusal:
    return Refusal(
        Reason.UNDECODABLE, f"The body is not an OTLP {signal} export: {why}.", "Send JSON as OTLP defines it."
    )


def _place_of_misfit(body: bytes) -> str:
    """Where a value stands that is none of its field, as msgspec says it; only asked when there is one."""
    try:
        path = _misfit(msgspec.json.decode(body), "$")
    except (msgspec.DecodeError, RecursionError):
        return ""
    return f" - at `{path}`" if path else ""


def _misfit(value: object, path: str) -> str:
    """The path of the first misfit below a value, empty if there is none."""
    if isinstance(value, list):
        inner: Iterable[tuple[str, str, object]] = ((f"{path}[{at}]", "", item) for at, item in enumerate(value))
    elif isinstance(value, dict):
        inner = ((f"{path}.{key}", camel_name(key), item) for key, item in value.items())
    else:
        return ""
    return next(filter(None, (_misfit_of_field(*field) for field in inner)), "")


def _misfit_of_field(path: str, name: str, value: object) -> str:
    check = _CHECKS.get(name)
    items = value if isinstance(value, list) and check is not None else [value]
    for at, item in enumerate(items):
        if check is not None and isinstance(item, int | float | str):
            try:
                check(item)
            except ValueError:
                return path if items is not value else f"{path}[{at}]"
    return _misfit(value, path)
