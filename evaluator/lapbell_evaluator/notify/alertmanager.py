"""An Alertmanager as a receiver of alerts.

Source: Alertmanager, api/v2/openapi.yaml: `POST /api/v2/alerts`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Self

import httpx
import msgspec

from lapbell_evaluator.model import Clock, PostableAlert, SystemClock
from lapbell_evaluator.notify.errors import DeliveryError, RefusedError
from lapbell_evaluator.notify.http_post import HttpPost

__all__ = ["Alertmanager"]

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
        self._post = HttpPost(
            f"{where}/api/v2/alerts",
            clock or SystemClock(),
            name=self.name,
            setting="alerting.alertmanagers",
            headers=(("content-type", "application/json"),),
            timeout_s=timeout_s,
        )

    async def send(self, alerts: Sequence[PostableAlert]) -> None:
        """Send alerts in one request.

        Raises:
            RefusedError: it does not take at least one of them, and will not take it as it stands.
            DeliveryError: it can't be reached, or can't take anything now.
        """
        answer = await self._post.post(msgspec.json.encode([_json(alert) for alert in alerts]))
        if answer.is_success:
            return
        message = f"{self.name} answers {answer.status}: {answer.text()}"
        if httpx.codes.is_client_error(answer.status) and answer.status not in _PASSING:
            raise RefusedError(message, "See alerting.alertmanagers, and the labels of the alerts.")
        raise DeliveryError(message, "Its own log says why.", retry_after_s=answer.retry_after_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._post.close()


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
