"""`POST /api/v1/write`: Prometheus and its agents feed the evaluator."""

from http import HTTPStatus
from typing import Final

from starlette.types import Receive, Scope, Send

from lapbell_evaluator.receiver.access import Access
from lapbell_evaluator.receiver.envelope import Envelope
from lapbell_evaluator.receiver.http_body import connection_of, read_body, while_connected
from lapbell_evaluator.receiver.ingest import Ingest
from lapbell_evaluator.receiver.limits import Limits
from lapbell_evaluator.receiver.refusal import Reason, Refusal
from lapbell_evaluator.receiver.replies import Outcome, Signal

__all__ = ["WriteApp"]

_PROTOBUF: Final = "application/x-protobuf"
_ENCODING: Final = "snappy"


class WriteApp:
    """The ASGI application for one path: remote write 1.0.

    It is an object, so that a Starlette `Route` takes it as it stands: a mount would answer senders with a redirect.

    Args:
        ingest: what takes the samples.
        access: who may send.
        limits: see `Limits`.

    Source: Prometheus Remote-Write 1.0 specification: 204 for what was stored, 400 for what never will be (valid
    samples beside it are stored), 429 and 5xx for what should be sent again.
    """

    def __init__(self, ingest: Ingest, access: Access, limits: Limits) -> None:
        self._ingest = ingest
        self._access = access
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        shown = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        headers = dict(shown)
        try:
            peer = scope["client"][0] if scope.get("client") else ""
            sender = self._access.check(peer, shown, scope["http_version"])
            _check(scope["method"], headers)
            with self._ingest.room.hold(sender) as hold:
                body = await read_body(receive, headers, self._limits, hold)
                envelope = Envelope(Signal.METRICS, body, sender, connection_of(scope), _ENCODING)
                outcome = await while_connected(receive, self._ingest.take_written(envelope))
        except Refusal as refusal:
            self._ingest.refused(Signal.METRICS, refusal)
            retry = str(self._limits.retry_after_s) if refusal.reason.is_retryable else None
            await _answer(send, refusal.reason.http, str(refusal), retry)
        else:
            await _answer(send, _status(outcome), outcome.message)


def _check(method: str, headers: dict[str, str]) -> None:
    if method != "POST":
        raise Refusal(Reason.WRONG_METHOD, f"Remote write takes POST, not {method}.")
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    is_version_1 = "proto=" not in parameters or "proto=prometheus.WriteRequest" in parameters
    if media_type.strip() != _PROTOBUF or headers.get("content-encoding") != _ENCODING or not is_version_1:
        raise Refusal(
            Reason.WRONG_TYPE,
            "This is no remote write 1.0 request.",
            f"Send Content-Type: {_PROTOBUF} and Content-Encoding: {_ENCODING}.",
        )


def _status(outcome: Outcome) -> HTTPStatus:
    return HTTPStatus.BAD_REQUEST if outcome.rejected else HTTPStatus.NO_CONTENT


async def _answer(send: Send, status: HTTPStatus, text: str, retry_after: str | None = None) -> None:
    body = b"" if status is HTTPStatus.NO_CONTENT else text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    if retry_after is not None:
        headers.append((b"retry-after", retry_after.encode()))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
