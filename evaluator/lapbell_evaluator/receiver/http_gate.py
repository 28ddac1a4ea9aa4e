"""OTLP/HTTP: a raw ASGI application."""

from http import HTTPStatus
from typing import Final

from google.protobuf.message import Message
from starlette.types import ASGIApp, Receive, Scope, Send

from lapbell_evaluator.receiver.access import Access
from lapbell_evaluator.receiver.envelope import Envelope
from lapbell_evaluator.receiver.http_body import connection_of, read_body, while_connected
from lapbell_evaluator.receiver.ingest import Ingest
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.replies import CONTENT_TYPES, EncodedBody, Signal, encoded, status_of, success

__all__ = ["http_app"]

_SIGNALS: Final = {signal.path: signal for signal in Signal}

_RawHeaders = tuple[tuple[bytes, bytes], ...]

_BODY_UNREAD: Final = frozenset({Reason.TOO_LARGE, Reason.TOO_SLOW})
_NO_HEADERS: Final[_RawHeaders] = ()
_UNAUTHENTICATED_HEADERS: Final[_RawHeaders] = ((b"www-authenticate", b"Bearer"), (b"connection", b"close"))

_Headers = dict[str, str]


def http_app(ingest: Ingest, access: Access, limits: Limits) -> ASGIApp:
    """The ASGI application for `/v1/metrics`, `/v1/traces` and `/v1/logs`.

    Source: OTLP specification, "OTLP/HTTP".
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        shown = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        headers = dict(shown)
        content_type = _media_type(headers)
        try:
            signal = _signal(scope["method"], scope["path"])
            sender = access.check(_peer(scope), shown, scope["http_version"])
            _check_type(content_type)
            with ingest.room.hold(sender) as hold:
                body = await read_body(receive, headers, limits, hold)
                encoding, connection = headers.get("content-encoding", ""), connection_of(scope)
                envelope = Envelope(signal, body, sender, connection, encoding, content_type)
                message: Message = success(signal, await while_connected(receive, ingest.take(envelope)))
            status, extra = HTTPStatus.OK, _NO_HEADERS
        except Refusal as refusal:
            ingest.refused(_SIGNALS.get(scope["path"]), refusal)
            message = status_of(refusal, limits.retry_after_s)
            status, extra = refusal.reason.http, _extra_headers(refusal, limits.retry_after_s)
        await _reply(send, status, encoded(message, content_type), extra)

    return app


def _signal(method: str, path: str) -> Signal:
    signal = _SIGNALS.get(path)
    if signal is None:
        raise Refusal(Reason.NOT_FOUND, f"There is nothing at {path}.", f"Send to one of {', '.join(_SIGNALS)}.")
    if method != "POST":
        raise Refusal(Reason.WRONG_METHOD, f"{path} takes POST, not {method}.")
    return signal


def _media_type(headers: _Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_type(content_type: str) -> None:
    if content_type not in CONTENT_TYPES:
        raise Refusal(
            Reason.WRONG_TYPE,
            f"Content-Type {content_type!r} is not known.",
            f"Use one of {', '.join(sorted(CONTENT_TYPES))}.",
        )


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _extra_headers(refusal: Refusal, retry_after_s: int) -> _RawHeaders:
    if refusal.reason in _BODY_UNREAD:
        return ((b"connection", b"close"),)
    if refusal.reason is Reason.UNAUTHENTICATED:
        return _UNAUTHENTICATED_HEADERS
    if refusal.reason is Reason.WRONG_METHOD:
        return ((b"allow", b"POST"),)
    if refusal.reason.is_retryable:
        return ((b"retry-after", str(retry_after_s).encode()),)
    return ()


async def _reply(send: Send, status: HTTPStatus, encoded_body: EncodedBody, extra: _RawHeaders) -> None:
    headers = (
        (b"content-type", encoded_body.content_type.encode()),
        (b"content-length", str(len(encoded_body.body)).encode()),
        *extra,
    )
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": encoded_body.body})
