"""Official messages as OTLP's JSON: protobuf's JSON, but with hex ids and numeric enums."""

import base64
import json

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

IDS = {"traceId", "spanId", "parentSpanId"}


def otlp_json(message: Message) -> bytes:
    return json.dumps(_with_hex_ids(MessageToDict(message, use_integers_for_enums=True))).encode()


def _with_hex_ids(value: object) -> object:
    match value:
        case dict():
            return {
                key: base64.b64decode(inner).hex() if key in IDS else _with_hex_ids(inner)
                for key, inner in value.items()
            }
        case list():
            return [_with_hex_ids(inner) for inner in value]
        case _:
            return value
