"""What Redis' own errors are called, and what became of a connection."""

import re
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.span import Span

__all__ = ["error_name", "redis_error_name"]

_REASONS: Final = (
    (re.compile(r"connection refused|errno 111|error 111|connect call failed", re.IGNORECASE), "connection refused"),
    (re.compile(r"too many connections|no connection available", re.IGNORECASE), "pool exhausted"),
    (re.compile(r"timed? ?out", re.IGNORECASE), "timeout"),
    (re.compile(r"reset by peer|broken pipe|closed by server", re.IGNORECASE), "connection lost"),
    (re.compile(r"name or service not known|name resolution|nodename nor servname", re.IGNORECASE), "host not found"),
)
_BY_TYPE: Final = {
    "TimeoutError": "timeout",
    "BusyLoadingError": "LOADING",
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "TryAgainError": "TRYAGAIN",
    "NoScriptError": "NOSCRIPT",
    "NoPermissionError": "NOPERM",
    "AuthenticationError": "WRONGPASS",
    "AuthenticationWrongNumberOfArgsError": "WRONGPASS",
    "MaxConnectionsError": "pool exhausted",
    "MaxClientsError": "max number of clients reached",
    "ConnectionRefusedError": "connection refused",
    "ConnectionError": "connection failed",
}
"""redis-py's types; a message says more than `ConnectionError` does."""
_CODE: Final = re.compile(r"(?:^|: )(?P<code>[A-Z][A-Z_]{2,31})(?= |$)")


def redis_error_name(span: Span, error_type: str, message: str) -> str:
    """The name of the error of a Redis call: the server's own, or what became of the connection."""
    return error_name(span.attribute(semconv.DB_RESPONSE_STATUS_CODE), error_type, message)


def error_name(status_code: str, error_type: str, message: str = "") -> str:
    """The server's own name (`WRONGTYPE`, `OOM`, …), what became of the connection, or nothing.

    Args:
        status_code: `db.response.status_code`; empty if there is none.
        error_type: the exception's type, with or without its module.
        message: of the exception; empty if it was not sent.
    """
    if status_code:
        return status_code
    for pattern, reason in _REASONS:
        if pattern.search(message):
            return reason
    code = _CODE.search(message)
    return code["code"] if code else _BY_TYPE.get(error_type.rpartition(".")[2], "")
