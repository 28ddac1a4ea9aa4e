"""OTLP over HTTP, in protobuf."""

import asyncio
import ssl
from typing import Final

import httpx
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from lapbell_evaluator.model import Clock
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.otlp_client import Destination, Signal
from lapbell_evaluator.notify.refusals import http_refusal, retry_after_s
from lapbell_evaluator.notify.text import one_line

__all__ = ["HttpClient"]

_READ_BYTES: Final = 64 * 1024
_PROTOBUF: Final = "application/x-protobuf"
_HEADERS: Final = {"content-type": _PROTOBUF, "accept-encoding": "identity", "user-agent": "lapbell-evaluator"}


class HttpClient:
    """Posts requests to `/v1/<signal>` of an endpoint; follows no redirect, reads 64 KiB of an answer at most.

    Args:
        to: the endpoint.
        clock: tells how far off the date of a `Retry-After` is.
    """

    def __init__(self, to: Destination, clock: Clock) -> None:
        self._url = to.endpoint.rstrip("/")
        self._name = str(httpx.URL(self._url).copy_with(username=None, password=None))
        self._timeout_s = to.timeout_s
        self._clock = clock
        self._client = httpx.AsyncClient(
            headers=httpx.Headers([*_HEADERS.items(), *to.headers]),
            timeout=to.timeout_s,
            follow_redirects=False,
            verify=_tls(to),
        )

    async def export(self, signal: Signal, payload: bytes) -> bytes:
        """Send one request, and give the message of its answer; of an answer that is too long, none.

        Raises:
            DeliveryError: it was not taken.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream("POST", f"{self._url}/v1/{signal}", content=payload) as answer,
            ):
                body = await _bounded(answer)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise DeliveryError(f"{self._name} does not answer: {error!r}.", "See export.endpoint.") from error
        if answer.is_success:
            return body if len(body) < _READ_BYTES else b""
        wait_s = retry_after_s(answer.headers.get("retry-after"), self._clock.now())
        message = f"{self._name} answers {answer.status_code}: {_reason(answer, body)}"
        raise http_refusal(answer.status_code, message, wait_s)

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()


def _tls(to: Destination) -> ssl.SSLContext | bool:
    if to.ca_file is None and to.client_certificate_file is None:
        return True
    context = ssl.create_default_context(cafile=to.ca_file)
    if to.client_certificate_file is not None:
        context.load_cert_chain(to.client_certificate_file, to.client_key_file)
    return context


async def _bounded(answer: httpx.Response) -> bytes:
    """The beginning of the body as it came: an answer may be endless."""
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) >= _READ_BYTES:
            break
    return bytes(body[:_READ_BYTES])


def _reason(answer: httpx.Response, body: bytes) -> str:
    """What an error says: where it leads, its protobuf `Status`, or its text."""
    if answer.has_redirect_location:
        return f"it leads to {one_line(answer.headers['location'])}, and redirects are not followed"
    if answer.headers.get("content-type", "").startswith(_PROTOBUF):
        try:
            return one_line(Status.FromString(body).message) or answer.reason_phrase
        except DecodeError:
            pass
    return one_line(body.decode(errors="replace")) or answer.reason_phrase
