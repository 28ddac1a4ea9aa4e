"""What an OTLP endpoint's answer means for what was sent: once more, never again, or not as we are configured.

Source: OpenTelemetry, OTLP specification 1.9, "Failures" and "OTLP/HTTP Response": over HTTP 429, 502, 503 and 504 are
retryable, over gRPC the codes of `_PASSING_CODES`. Of what is not retryable, a part says nothing about the records (a
token that is wrong, a path that is not there, a redirect), and a part may be either: those are told apart by whether
the endpoint takes other records meanwhile.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

from grpc import StatusCode

from lapbell_evaluator.notify.errors import DeliveryError, DeniedError, DoubtfulError, RefusedError

__all__ = ["grpc_refusal", "http_refusal", "retry_after_s"]

_FROM_A_PROXY: Final = frozenset({502, 504})
"""What is behind it may have taken the request."""
_PASSING: Final = frozenset({408, 425, 429, 502, 503, 504})
_DENIED: Final = frozenset({401, 402, 404, 405, 407, 410, 415, 421, 426})
_EITHER: Final = frozenset({403, 406})
"""What firewalls answer to a content that they dislike, and servers to a token that may not write."""
_PASSING_CODES: Final = frozenset(
    {
        StatusCode.CANCELLED,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.ABORTED,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNAVAILABLE,
        StatusCode.DATA_LOSS,
    }
)
_DENIED_CODES: Final = frozenset({StatusCode.UNAUTHENTICATED, StatusCode.UNIMPLEMENTED, StatusCode.NOT_FOUND})
_AGAIN: Final = "Its own log says why."


def http_refusal(status: int, message: str, wait_s: float | None, remedy: str = "") -> DeliveryError:
    """The error of an HTTP answer that is no success.

    Args:
        status: of the answer.
        message: what was answered, for people.
        wait_s: what its `Retry-After` says.
        remedy: what to look at if no record is to blame.
    """
    text = str(status)
    if status in _PASSING:
        may_have_arrived = status in _FROM_A_PROXY
        return DeliveryError(message, _AGAIN, status=text, retry_after_s=wait_s, may_have_arrived=may_have_arrived)
    if status in _DENIED or status < HTTPStatus.BAD_REQUEST:
        return DeniedError(message, remedy, status=text, retry_after_s=wait_s)
    if status in _EITHER:
        return DoubtfulError(message, remedy, status=text, retry_after_s=wait_s, may_be_configuration=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return DoubtfulError(message, _AGAIN, status=text, retry_after_s=wait_s, may_have_arrived=True)
    return RefusedError(message, status=text)


def grpc_refusal(code: StatusCode, message: str, wait_s: float | None, remedy: str = "") -> DeliveryError:
    """The error of a gRPC call that failed.

    Args:
        code: its status.
        message: what was answered, for people.
        wait_s: what its `RetryInfo` says; None if there is none.
        remedy: what to look at if no record is to blame.
    """
    name = code.name
    if code in _PASSING_CODES or (code is StatusCode.RESOURCE_EXHAUSTED and wait_s is not None):
        return DeliveryError(message, _AGAIN, status=name, retry_after_s=wait_s)
    if code in _DENIED_CODES:
        return DeniedError(message, remedy, status=name, retry_after_s=wait_s)
    if code is StatusCode.PERMISSION_DENIED:
        return DoubtfulError(message, remedy, status=name, may_be_configuration=True)
    if code is StatusCode.INVALID_ARGUMENT:
        return RefusedError(message, status=name)
    return DoubtfulError(message, _AGAIN, status=name, retry_after_s=wait_s)


def retry_after_s(header: str | None, now: float) -> float | None:
    """Seconds of a `Retry-After`, which is a number or a date (RFC 9110, 10.2.3); None if it is neither.

    Args:
        header: its value; None if the answer has none.
        now: Unix seconds.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, _utc(moment).timestamp() - now)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
