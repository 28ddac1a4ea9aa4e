"""How many items an export holds, counted before anything is decoded.

Two bytes are an empty data point on the wire and several hundred in memory, so a limit of bytes alone bounds neither
time nor memory. The count walks over tags and lengths, never makes an object for what it counts, and stops at the
limit. A body of so few bytes that it cannot hold more items is not looked at.

Items differ in price, so each kind has a weight: data points, spans, log records, series and all that holds them weigh
two, attributes, labels, samples and elements of arrays weigh one. Two of the latter are an item. All other fields
(names, times, values, what OTLP does not know) have a limit of their own, three for each item: walking over one that
comes two million times would take a third of a second.

A decoder stops at the first broken byte, as the count does; what decoders keep as bytes and read later (attributes) may
be broken inside, so the count goes on behind it.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from lapbell_evaluator.receiver.refusal import Reason, Refusal

__all__ = ["LOGS", "METRICS", "TRACES", "WRITTEN", "Fields", "check_items", "check_json_items", "exceeds"]

_ITEM: Final = 2
_DETAIL: Final = 1
_FREE: Final = 0  # protobuf merges them into one, however often they come
_LEAST_BYTES: Final = 2  # of an item: a tag and a length
_SMALL_BYTES: Final = 128  # an attribute of so many bytes is not looked into: it cannot hold enough to matter
_OTHERS_PER_ITEM: Final = 3
_OBJECTS_PER_ITEM: Final = 2  # of JSON: an attribute is two objects
_SLICE_BYTES: Final = 256 * 1024  # of JSON that is looked at in one go
_QUOTE, _BRACE = b'"{'
_DEEPEST: Final = 100  # protobuf's own limit: what lies deeper is refused by the decoder
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES: Final = 10
_LAST_BYTE: Final = 0x7F  # a varint's byte above it is followed by another

Fields = dict[int, "_Field"]
"""Sub-messages of a message, by their tag."""

_Field = tuple[int, Fields | None, int]
"""What one of them weighs, its own sub-messages, and how many bytes it has at most if nobody looks into it."""

_FieldOf = Callable[[int], _Field | None]


def _of(**of_number: _Field) -> Fields:
    """Sub-messages by tag, from `_1=…`: the number of the field; the wire type is that of a sub-message."""
    return {int(name[1:]) << 3 | _DELIMITED: field for name, field in of_number.items()}


def _message(weight: int, /, **of_number: _Field) -> _Field:
    return weight, _of(**of_number) or None, 0


def _attribute() -> _Field:
    """`KeyValue`; its value may hold arrays and maps, these again."""
    value: Fields = {}
    attribute: _Field = (_DETAIL, _of(_2=(_FREE, value, 0)), _SMALL_BYTES)
    value |= _of(_5=_message(_DETAIL, _1=(_DETAIL, value, _SMALL_BYTES)), _6=_message(_DETAIL, _1=attribute))
    return attribute


_ATTRIBUTE: Final = _attribute()
_RESOURCE: Final = _message(_FREE, _1=_ATTRIBUTE)
_EXEMPLAR: Final = _message(_ITEM, _7=_ATTRIBUTE)
_NUMBERS: Final = _message(_ITEM, _1=_message(_ITEM, _5=_EXEMPLAR, _7=_ATTRIBUTE))
_HISTOGRAM: Final = _message(_ITEM, _1=_message(_ITEM, _8=_EXEMPLAR, _9=_ATTRIBUTE))
_EXPONENTIAL: Final = _message(_ITEM, _1=_message(_ITEM, _1=_ATTRIBUTE, _11=_EXEMPLAR))
_SUMMARY: Final = _message(_ITEM, _1=_message(_ITEM, _6=_message(_ITEM), _7=_ATTRIBUTE))
_METRIC: Final = _message(_ITEM, _5=_NUMBERS, _7=_NUMBERS, _9=_HISTOGRAM, _10=_EXPONENTIAL, _11=_SUMMARY)
_SPAN: Final = _message(_ITEM, _9=_ATTRIBUTE, _11=_message(_ITEM, _3=_ATTRIBUTE))
_LABEL: Final = _message(_DETAIL)
_NATIVE: Final = _message(_ITEM, _8=_message(_DETAIL), _11=_message(_DETAIL))

METRICS: Final = _of(_1=_message(_ITEM, _1=_RESOURCE, _2=_message(_ITEM, _2=_METRIC)))
TRACES: Final = _of(_1=_message(_ITEM, _1=_RESOURCE, _2=_message(_ITEM, _2=_SPAN)))
LOGS: Final = _of(_1=_message(_ITEM, _2=_message(_ITEM, _2=_message(_ITEM))))
WRITTEN: Final = _of(
    _1=_message(_ITEM, _1=_LABEL, _2=_message(_DETAIL), _3=_message(_ITEM, _1=_LABEL), _4=_NATIVE), _3=_message(_ITEM)
)


def check_items(body: bytes, of: Fields, limit: int) -> None:
    """Let a protobuf body of at most `limit` items pass; `of` is the table of its message.

    Raises:
        Refusal: it holds more.
    """
    if len(body) > _LEAST_BYTES * limit and exceeds(body, of, limit * _ITEM, limit * _OTHERS_PER_ITEM):
        raise _too_many(limit)


def check_json_items(body: bytes, limit: int) -> None:
    """Let a JSON body of at most `limit` items pass; two objects are an item.

    Raises:
        Refusal: it holds more.
    """
    most = limit * _OBJECTS_PER_ITEM
    if body.count(b"{") > most and _objects(body) > most:
        raise _too_many(limit)


def _objects(body: bytes) -> int:
    """How many braces open outside of JSON's strings."""
    letters = np.frombuffer(body.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    objects, is_within = 0, False
    for at in range(0, len(letters), _SLICE_BYTES):
        some = letters[at : at + _SLICE_BYTES]
        within = np.logical_xor.accumulate(some == _QUOTE) ^ is_within
        objects += int(np.count_nonzero((some == _BRACE) & ~within))
        is_within = bool(within[-1])
    return objects


def _too_many(limit: int) -> Refusal:
    return Refusal(
        Reason.TOO_LARGE,
        f"The export holds more than {limit} items: data points, spans, log records, series and what they are made of.",
        "Send smaller batches: OTEL_BSP_MAX_EXPORT_BATCH_SIZE, or the Collector's batch size; or raise ingest.items.",
    )


def exceeds(body: bytes, of: Fields, left: int, others: int) -> bool:  # noqa: C901 - one loop, as it says
    """Whether the sub-messages of a message weigh more than `left`, or there are more than `others` other fields.

    One loop without calls, because it runs once per field: a call per level would cost three times as much.
    """
    at, end = 0, len(body)
    field_of: _FieldOf = of.get
    around: list[tuple[_FieldOf, int]] = []  # what goes on behind the sub-message
    while True:
        try:
            while at < end:
                tag = body[at]
                at += 1
                if tag > _LAST_BYTE:
                    tag, at = _varint(body, at - 1)
                wire_type = tag & 7
                if wire_type == _DELIMITED:
                    size = body[at]
                    at += 1
                    if size > _LAST_BYTE:
                        size, at = _varint(body, at - 1)
                    field = field_of(tag)
                    if field is not None:
                        weight, fields, unseen = field
                        left -= weight
                        if left < 0:
                            return True
                        if fields is not None and size > unseen and len(around) < _DEEPEST:
                            around.append((field_of, end))
                            field_of, end = fields.get, min(end, at + size)
                            continue
                        at += size
                        continue
                    at += size
                elif wire_type == _FIXED64:
                    at += 8
                elif wire_type == _VARINT:
                    while body[at] > _LAST_BYTE:
                        at += 1
                    at += 1
                elif wire_type == _FIXED32:
                    at += 4  # groups have no length: their fields are taken for fields of what is around them
                others -= 1
                if others < 0:
                    return True
        except IndexError:
            pass  # broken: what goes on goes on behind it, unless decoding ends here as well
        if not around:
            return False
        at = end
        field_of, end = around.pop()


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends.

    Raises:
        IndexError: it has no end, or more bytes than any varint.
    """
    value = 0
    for shift in range(0, 7 * _VARINT_BYTES, 7):
        byte = body[at]
        at += 1
        value |= (byte & _LAST_BYTE) << shift
        if byte <= _LAST_BYTE:
            return value, at
    raise IndexError(at)
