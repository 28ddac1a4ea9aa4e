"""An Alertmanager as a receiver of alerts.

Source: Alertmanager, api/v2/openapi.yaml: `POST /api/v2/alerts`.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from lapbell_evaluator.model import Clock, PostableAlert, SystemClock
from lapbell_evaluator.notify.errors import DeliveryError, RefusedError
from lapbell_evaluator.notify.refusals import retry_after_s
from lapbell_evaluator.notify.text import one_line

__all__ = ["Alertmanager"]

_READ_BYTES: Final = 64 * 1024
_PLAIN: Final = {"Accept-Encoding": "identity"}
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Alertmanager:
    """Sends alerts to one Alertmanager.

    Args:
        url: where it listens, with its route prefix if it has one; may hold user and password.
        timeout_s: how long one request may take, from the connection to the end of the answer.
        clock: tells how far off the date of a `Retry-After` is; the machine's if None.

    Attributes:
        name: what it is called in metrics and messages: its URL without user and password.
    """

    def __init__(self, url: str, timeout_s: float = 10.0, clock: Clock | None = None) -> None:
        where = httpx.URL(url.rstrip("/"))
        self.name = str(where.copy_with(username=None, password=None))
        self._url = f"{where}/api/v2/alerts"
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._client = httpx.AsyncClient(timeout=timeout_s)

    async def send(self, alerts: Sequence[PostableAlert]) -> None:
        """Send alerts in one request.

        Raises:
            RefusedError: it does not take at least one of them, and will not take it as it stands.
            DeliveryError: it can't be reached, or can't take anything now.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._client.stream(
                    "POST", self._url, json=[_json(alert) for alert in alerts], headers=_PLAIN
                ) as answer,
            ):
                body = await _beginning(answer)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise DeliveryError(f"{self.name} does not answer: {error!r}.", "See alerting.alertmanagers.") from error
        if answer.is_success:
            return
        message = f"{self.name} answers {answer.status_code}: {one_line(body.decode(errors='replace'))}"
        if answer.is_client_error and answer.status_code not in _PASSING:
            raise RefusedError(message, "See alerting.alertmanagers, and the labels of the alerts.")
        wait_s = retry_after_s(answer.headers.get("retry-after"), self._clock.now())
        raise DeliveryError(message, "Its own log says why.", retry_after_s=wait_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


async def _beginning(answer: httpx.Response) -> bytes:
    """The beginning of the body as it came: an answer may be endless."""
    body = bytearray()
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) >= _READ_BYTES:
            break
    return bytes(body)


def _json(alert: PostableAlert) -> dict[str, Any]:
    times = {"startsAt": alert.starts_at, "endsAt": alert.ends_at}
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "generatorURL": alert.generator_url,
        **{name: _moment(at) for name, at in times.items() if at is not None},
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
