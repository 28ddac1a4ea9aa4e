"""An Alertmanager as a receiver of alerts.

Source: Alertmanager, api/v2/openapi.yaml: `POST /api/v2/alerts`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Self

import httpx

from lapbell_evaluator.model import PostedAlert
from lapbell_evaluator.notify.errors import DeliveryError, RefusedError

__all__ = ["Alertmanager"]

_TIMEOUT_S: Final = 10.0
_SAID: Final = 200
_PASSING: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Alertmanager:
    """Sends alerts to one Alertmanager.

    Args:
        url: where it listens, with its route prefix if it has one; may hold user and password.

    Attributes:
        name: what it is called in metrics and messages: its URL without user and password.
    """

    def __init__(self, url: str) -> None:
        where = httpx.URL(url.rstrip("/"))
        self.name = str(where.copy_with(username=None, password=None))
        self._url = f"{where}/api/v2/alerts"
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_S)

    async def send(self, alerts: Sequence[PostedAlert]) -> None:
        """Send alerts in one request.

        Raises:
            RefusedError: it does not take at least one of them, and will not take it as it stands.
            DeliveryError: it can't be reached, or can't take anything now.
        """
        try:
            answer = await self._client.post(self._url, json=[_json(each) for each in alerts])
        except httpx.HTTPError as error:
            raise DeliveryError(f"{self.name} does not answer: {error!r}.", "See alerting.alertmanagers.") from error
        if answer.is_success:
            return
        said = f"{self.name} answers {answer.status_code}: {answer.text[:_SAID]}"
        if answer.is_client_error and answer.status_code not in _PASSING:
            raise RefusedError(said, "See alerting.alertmanagers, and the labels of the alerts.")
        raise DeliveryError(said, "Its own log says why.")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()


def _json(alert: PostedAlert) -> dict[str, Any]:
    times = {"startsAt": alert.starts_at, "endsAt": alert.ends_at}
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "generatorURL": alert.generator_url,
        **{name: _moment(at) for name, at in times.items() if at is not None},
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
