"""One request to a receiver: within a time, without redirects, and with as much of the answer as is worth reading."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from lapbell_evaluator.model import Clock
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.refusals import retry_after_s
from lapbell_evaluator.notify.text import one_line, without_secrets

__all__ = ["READ_BYTES", "Answer", "HttpPost"]

READ_BYTES: Final = 64 * 1024
_HEADERS: Final = {"accept-encoding": "identity", "user-agent": "lapbell-evaluator"}
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered.

    Attributes:
        status: of HTTP.
        body: its beginning, `READ_BYTES` at most, for an answer may be endless; without what it repeats of our URL.
        content_type: of the body; empty if it does not say.
        location: where a redirect leads; empty if it is none.
        reason: of the status, in words.
        retry_after_s: seconds that it asks to be left alone; None if it does not say.
    """

    status: int
    body: bytes
    content_type: str
    location: str
    reason: str
    retry_after_s: float | None

    @property
    def is_success(self) -> bool:
        """Whether it took what was sent."""
        return httpx.codes.is_success(self.status)

    def text(self) -> str:
        """Why it did not, in one line: where it leads, or what it says."""
        if self.location:
            return f"it leads to {one_line(self.location)}, and redirects are not followed"
        return one_line(self.body.decode(errors="replace")) or self.reason


class HttpPost:
    """Posts to one URL, or asks it.

    Args:
        url: where to; may hold user and password.
        clock: tells how far off the date of a `Retry-After` is.
        name: what it is called where people read; a URL may be a secret.
        setting: where the URL is set, for the remedy.
        headers: sent with each request.
        timeout_s: for one request, from the connection to the end of the answer.
        verify: which certificates are trusted, and ours.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        name: str,
        setting: str,
        headers: Sequence[tuple[str, str]] = (),
        timeout_s: float = 10.0,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._url = url
        self._clock = clock
        self._name = name
        self._setting = setting
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            headers=httpx.Headers([*_HEADERS.items(), *headers]),
            timeout=timeout_s,
            follow_redirects=False,
            verify=verify,
        )

    async def post(self, content: bytes, *, path: str = "", headers: Sequence[tuple[str, str]] = ()) -> Answer:
        """Send one request.

        Args:
            content: the body.
            path: behind the URL.
            headers: of this request alone.

        Raises:
            DeliveryError: it does not answer.
        """
        return await self._asked("POST", f"{self._url}{path}", content, headers)

    async def get(self) -> Answer:
        """Ask the URL.

        Raises:
            DeliveryError: it does not answer.
        """
        return await self._asked("GET", self._url, None, ())

    async def _asked(self, method: str, url: str, content: bytes | None, headers: Sequence[tuple[str, str]]) -> Answer:
        own = httpx.Headers([*headers])
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(method, url, content=content, headers=own) as answer,
            ):
                body = await _beginning(answer)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise DeliveryError(
                f"{self._name} does not answer: {_without_url(error)}.",
                f"See {self._setting}.",
                may_have_arrived=not isinstance(error, _NOT_SENT),
            ) from None
        location = answer.headers.get("location", "") if answer.has_redirect_location else ""
        return Answer(
            answer.status_code,
            without_secrets(body.decode(errors="surrogateescape"), url).encode(errors="surrogateescape"),
            answer.headers.get("content-type", ""),
            without_secrets(location, url),
            answer.reason_phrase,
            retry_after_s(answer.headers.get("retry-after"), self._clock.now()),
        )

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()


async def _beginning(answer: httpx.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) >= READ_BYTES:
            break
    return bytes(body[:READ_BYTES])


def _without_url(error: Exception) -> str:
    """The kind of the error, and its words unless they may hold the URL."""
    words = "" if isinstance(error, httpx.InvalidURL) else one_line(str(error))
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
