"""Whether the Alertmanagers that are named answer; they are told nothing."""

import asyncio
from typing import Final

import httpx
import msgspec

from lapbell_evaluator.cli.address import address_of
from lapbell_evaluator.cli.doctor.daemon_thread import resolve
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.cli.doctor.unanswered import why_unanswered
from lapbell_evaluator.config import Settings

__all__ = ["PLACE", "alertmanagers"]

PLACE: Final = Place("leaving.alertmanagers", "Alertmanagers")
_STATUS: Final = "/api/v2/status"
_TIMEOUT_S: Final = 1.8


class Version(msgspec.Struct, frozen=True):
    """What it runs."""

    version: str


class Status(msgspec.Struct, frozen=True):
    """What is looked at of an Alertmanager's status. Source: Alertmanager, api/v2/openapi.yaml."""

    versionInfo: Version  # noqa: N815 - Alertmanager's name


async def alertmanagers(settings: Settings) -> tuple[Finding, ...]:
    """Each one that the configuration names."""
    urls = settings.alerting.alertmanagers
    if not urls:
        return (PLACE.skipped("alerting.alertmanagers names none"),)
    return tuple(await asyncio.gather(*map(_look_at, urls)))


async def _look_at(url: str) -> Finding:
    where = httpx.URL(url.rstrip("/"))
    name = where.copy_with(username=None, password=None)
    remedy = "Start it, or mend alerting.alertmanagers."
    try:
        await resolve(address_of(url))
        async with httpx.AsyncClient(timeout=patient(_TIMEOUT_S)) as client:
            answer = await client.get(f"{where}{_STATUS}")
        if not answer.is_success:
            message = f"{name}{_STATUS} answers {answer.status_code}"
            return PLACE.wrong(message, "Name the Alertmanager, with user and password if it wants them.")
        status = msgspec.json.decode(answer.content, type=Status)
    except (httpx.TransportError, OSError) as error:
        return PLACE.wrong(f"{name}: {why_unanswered(error)}", remedy)
    except msgspec.MsgspecError:
        return PLACE.wrong(f"{name} answers, but is no Alertmanager", remedy)
    return PLACE.ok(f"{name} answers: Alertmanager {status.versionInfo.version}")
