"""Attributes as sent become text: pairs for labels, values for spans."""

import base64
import json
import math
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Final, cast

from lapbell_evaluator.receiver.messages import AnyValue, KeyValue
from lapbell_evaluator.receiver.points import AttributesKey
from lapbell_evaluator.receiver.schema import LITE

__all__ = ["MOST_KEY_BYTES", "attribute_pairs", "float_text", "pairs_of", "plain_text", "size_of", "text_of"]

MOST_KEY_BYTES: Final = 64 * 1024
"""Of the attributes of a resource, and of a scope: more are refused, because they are kept."""

_OBJECT_BYTES: Final = 40
_SHORT_BYTES: Final = 256
_SHORT_KEPT: Final = 8_192  # 4 MB, if all of them are as long as they may be
_SHORTEST_PLAIN: Final = 1e-6
_LONGEST_PLAIN: Final = 1e21


def attribute_pairs(key: AttributesKey) -> list[tuple[str, str]]:
    """Names and values as text, in the order sent."""
    if key and isinstance(key[0], bytes):
        return [_short_pair(raw) if len(raw) <= _SHORT_BYTES else _pair(raw) for raw in key]
    return list(cast("tuple[tuple[str, str], ...]", key))


def size_of(parts: Iterable[bytes | str | tuple[str, str]]) -> int:
    """Bytes (or characters, of JSON) that the key of a resource or a scope holds on to, and what Python adds."""
    return sum(_OBJECT_BYTES + (sum(map(len, part)) if isinstance(part, tuple) else len(part)) for part in parts)


def pairs_of(attributes: Iterable[KeyValue]) -> list[tuple[str, str]]:
    """Names and values of decoded attributes as text."""
    return [(text_of(attribute.key), any_text(attribute.value)) for attribute in attributes]


def _pair(raw: bytes) -> tuple[str, str]:
    attribute = LITE.key_value.FromString(raw)
    return text_of(attribute.key), any_text(attribute.value)


_short_pair: Final = lru_cache(_SHORT_KEPT)(_pair)
"""As `_pair`: what is new of a series is one of its attributes, the others are those of thousands."""


def text_of(raw: bytes) -> str:
    """UTF-8, with replacement characters where it is broken: one bad string must not cost the batch."""
    return raw.decode("utf-8", errors="replace")


def any_text(value: AnyValue) -> str:
    """An attribute's value as label text: JSON for arrays and maps, base64 for bytes.

    Source: OpenTelemetry specification, common/README.md, "AnyValue representation for non-OTLP protocols".
    """
    if value.HasField("string_value"):
        return text_of(value.string_value)
    return plain_text(_plain(value))


def plain_text(plain: object) -> str:
    """A decoded value (None, bool, int, float, str, list or dict) as label text."""
    match plain:
        case None:
            return ""
        case bool():
            return "true" if plain else "false"
        case float():
            return float_text(plain)
        case list() | dict():
            return json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
        case _:
            return str(plain)


def float_text(value: float) -> str:
    """The shortest text that reads back as `value`: no exponent between 1e-6 and 1e21, no `.0`, as Go prints it."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    if value and not _SHORTEST_PLAIN <= abs(value) < _LONGEST_PLAIN:
        return repr(value)
    if value.is_integer():
        return str(int(value))
    return format(Decimal(repr(value)), "f")


def _plain(value: AnyValue) -> object:
    if value.HasField("string_value"):
        return text_of(value.string_value)
    if value.HasField("bool_value"):
        return value.bool_value
    if value.HasField("int_value"):
        return value.int_value
    if value.HasField("double_value"):
        return value.double_value
    if value.HasField("array_value"):
        return [_plain(item) for item in value.array_value.values]
    if value.HasField("kvlist_value"):
        return {text_of(pair.key): _plain(pair.value) for pair in value.kvlist_value.values}
    if value.HasField("bytes_value"):
        return base64.b64encode(value.bytes_value).decode()
    return None
