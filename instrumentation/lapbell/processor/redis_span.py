"""What a span of Redis' instrumentation says about the operation."""

import functools
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.trace import StatusCode

from lapbell import semconv
from lapbell.instruments import Attributes
from lapbell.observations import RedisOperation
from lapbell.redis_commands import command_name
from lapbell.tracing import ReadableSpan, attributes_of

__all__ = ["is_empty_pipeline", "is_idle_wait", "redis_metric_attributes", "redis_operation"]

_NO_FAILURES: Final = frozenset({"NOSCRIPT", "MOVED", "ASK"})
"""Redirections and the first half of a script's fallback: the client answers them by itself."""
_NO_FAILURE_TYPES: Final = frozenset({"NoScriptError", "MovedError", "AskError", "WatchError"})

_OF_PIPELINE: Final = "of pipeline caused error: "


def redis_operation(span: ReadableSpan) -> RedisOperation:
    """The operation behind a finished CLIENT span; attributes that still have their old names are read too."""
    attributes = attributes_of(span)
    batch = attributes.get(semconv.DB_OPERATION_BATCH_SIZE) or attributes.get(semconv.DB_REDIS_PIPELINE_LENGTH) or 0
    operation = attributes.get(semconv.DB_OPERATION_NAME)
    is_pipeline = operation is None and (batch or semconv.DB_REDIS_PIPELINE_LENGTH in attributes)
    name = semconv.PIPELINE if is_pipeline else command_name(str(operation or span.name))
    namespace = attributes.get(semconv.DB_NAMESPACE, attributes.get(semconv.DB_REDIS_DATABASE_INDEX, ""))
    address = attributes.get(semconv.SERVER_ADDRESS) or attributes.get(semconv.NET_PEER_NAME) or ""
    error_type, status_code = _failure(span, attributes)
    return RedisOperation(
        name=str(name),
        duration_s=((span.end_time or 0) - (span.start_time or 0)) / 1e9,
        namespace=str(namespace),
        address=str(address),
        port=attributes.get(semconv.SERVER_PORT) or attributes.get(semconv.NET_PEER_PORT),
        error_type=error_type,
        status_code=status_code,
        batch_size=int(batch),
        ended_at=(span.end_time or 0) / 1e9,
        is_named=operation is not None and operation == span.name,
    )


def is_idle_wait(operation: RedisOperation) -> bool:
    """Whether it waited on purpose and did what it should: an idle worker does so all day long."""
    return operation.name in semconv.REDIS_BLOCKING_COMMANDS and not operation.error_type


def is_empty_pipeline(operation: RedisOperation) -> bool:
    """Whether it asked Redis nothing."""
    return operation.name == semconv.PIPELINE and not operation.batch_size and not operation.error_type


def redis_metric_attributes(operation: RedisOperation) -> Attributes:
    """The attributes of `db.client.operation.duration`."""
    return _named(
        operation.name,
        operation.namespace,
        operation.address,
        operation.port,
        operation.error_type,
        operation.status_code,
    )


@functools.lru_cache(maxsize=4_096)
def _named(name: str, namespace: str, address: str, port: int | None, error_type: str, code: str) -> Attributes:
    """They are the same for most operations, so they are made once."""
    named: dict[str, str | int | None] = {
        semconv.DB_SYSTEM_NAME: semconv.REDIS,
        semconv.DB_OPERATION_NAME: name,
        semconv.DB_NAMESPACE: namespace,
        semconv.SERVER_ADDRESS: address,
        semconv.SERVER_PORT: port,
        semconv.ERROR_TYPE: error_type,
        semconv.DB_RESPONSE_STATUS_CODE: code,
    }
    return {key: value for key, value in named.items() if value}


def _failure(span: ReadableSpan, attributes: Mapping[str, Any]) -> tuple[str, str]:
    """The error's type and Redis' own code for it, both empty if the operation did what it should."""
    if span.status.status_code is not StatusCode.ERROR:
        return "", str(attributes.get(semconv.DB_RESPONSE_STATUS_CODE, ""))
    kind, code = str(attributes.get(semconv.ERROR_TYPE, "")), str(attributes.get(semconv.DB_RESPONSE_STATUS_CODE, ""))
    # The instrumentation describes an error as "<type>: <message>", and Redis starts its messages with a code in
    # capitals.
    described, _, message = (span.status.description or "").partition(": ")
    kind = kind or described or semconv.ERROR_TYPE_OTHER
    # redis-py says which command of a pipeline it was before it quotes Redis; with asyncio as a tuple's text.
    first = message.rpartition(_OF_PIPELINE)[2].lstrip("('\"").partition(" ")[0]
    code = code or (first if first.isupper() and first.isalpha() else "")
    if kind in _NO_FAILURE_TYPES or code in _NO_FAILURES:
        return "", code or kind.removesuffix("Error").upper()
    return kind, code
