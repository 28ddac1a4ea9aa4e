"""Keys as OTLP's JSON has them, lowerCamelCase, and as some senders write them: `time_unix_nano`.

OTLP forbids the original names, the Collector takes them, and who ignored them as unknown would answer 200 to an export
of which nothing was taken. They are rare, so a body is looked at for one, and rewritten only then.
"""

import inspect
import re
from typing import Final, TypeVar

import msgspec

from lapbell_evaluator.receiver import json_messages

__all__ = ["camel_name", "parsed"]

_T = TypeVar("_T")
_ORIGINAL_NAME: Final = re.compile(rb'_[a-z]++"\s*+:')  # the end of a key; inside a text its quote is escaped
_CAMEL: Final = {
    field.name: field.encode_name
    for _, message in inspect.getmembers(json_messages, inspect.isclass)
    if issubclass(message, msgspec.Struct)
    for field in msgspec.structs.fields(message)
    if field.name != field.encode_name
}


def camel_name(name: str) -> str:
    """The name of a field in OTLP's JSON, whichever way it was written."""
    return _CAMEL.get(name, name)


def parsed(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """The message in a body, whichever names it uses.

    Raises:
        msgspec.DecodeError: it is no JSON, or no such message; the error names the place.
    """
    if _ORIGINAL_NAME.search(body) is None:
        return decoder.decode(body)
    message: _T = msgspec.convert(_renamed(msgspec.json.decode(body)), decoder.type)
    return message


def _renamed(value: object) -> object:
    """The same with lowerCamelCase keys; all objects of OTLP are messages, so a key is never somebody's text."""
    match value:
        case dict():
            return {camel_name(key): _renamed(inner) for key, inner in value.items()}
        case list():
            return [_renamed(inner) for inner in value]
        case _:
            return value
