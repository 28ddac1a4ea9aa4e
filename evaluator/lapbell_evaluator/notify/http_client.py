"""OTLP over HTTP, in protobuf."""

import ssl
from typing import Final

import httpx
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from lapbell_evaluator.model import Clock
from lapbell_evaluator.notify.http_post import READ_BYTES, Answer, HttpPost
from lapbell_evaluator.notify.otlp_client import Destination, Signal
from lapbell_evaluator.notify.refusals import http_refusal
from lapbell_evaluator.notify.text import one_line

__all__ = ["HttpClient"]

_PROTOBUF: Final = "application/x-protobuf"


class HttpClient:
    """Posts requests to `/v1/<signal>` of an endpoint; follows no redirect, reads 64 KiB of an answer at most.

    Args:
        to: the endpoint.
        clock: tells how far off the date of a `Retry-After` is.
    """

    def __init__(self, to: Destination, clock: Clock) -> None:
        url = to.endpoint.rstrip("/")
        self._remedy = to.remedy
        self._name = str(httpx.URL(url).copy_with(username=None, password=None))
        self._post = HttpPost(
            url,
            clock,
            name=self._name,
            setting=f"the endpoint of {to.setting}",
            headers=(("content-type", _PROTOBUF), *to.headers),
            timeout_s=to.timeout_s,
            verify=_tls(to),
        )

    async def export(self, signal: Signal, payload: bytes) -> bytes:
        """Send one request, and give the message of its answer; of an answer that is too long, none.

        Raises:
            DeliveryError: it was not taken.
        """
        answer = await self._post.post(payload, path=f"/v1/{signal}")
        if answer.is_success:
            return answer.body if len(answer.body) < READ_BYTES else b""
        message = f"{self._name} answers {answer.status}: {_reason(answer)}"
        raise http_refusal(answer.status, message, answer.retry_after_s, self._remedy)

    async def close(self) -> None:
        """End the connections."""
        await self._post.close()


def _tls(to: Destination) -> ssl.SSLContext | bool:
    if to.ca_file is None and to.client_certificate_file is None:
        return True
    context = ssl.create_default_context(cafile=to.ca_file)
    if to.client_certificate_file is not None:
        context.load_cert_chain(to.client_certificate_file, to.client_key_file)
    return context


def _reason(answer: Answer) -> str:
    """What an error says: its protobuf `Status`, or as any other."""
    if answer.content_type.startswith(_PROTOBUF) and not answer.location:
        try:
            return one_line(Status.FromString(answer.body).message) or answer.reason
        except DecodeError:
            pass
    return answer.text()
