"""Whether an evaluator answers, and whether it is this one's match."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx
import msgspec

from lapbell_evaluator.cli.address import Address, address_of
from lapbell_evaluator.cli.doctor.daemon_thread import resolve
from lapbell_evaluator.cli.doctor.evaluator import Evaluator
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.cli.doctor.port import look_at
from lapbell_evaluator.cli.doctor.process import Process, process
from lapbell_evaluator.cli.doctor.unanswered import why_unanswered

__all__ = ["ANSWERS", "answers", "clock", "holder", "ready", "version"]

ANSWERS: Final = Place("evaluator.answers", "REST gate")
_PATIENCE_S: Final = 1.5
READY: Final = Place("evaluator.ready", "readiness")
VERSION: Final = Place("evaluator.version", "version")
CLOCK: Final = Place("evaluator.clock", "its clock")
_HEALTHY: Final = "lapbell is healthy."
_START: Final = "`lapbell serve` starts one; --url or LAPBELL_URL names another."
_APART_S: Final = 2.0


class Trouble(msgspec.Struct, frozen=True):
    """Why it is not ready."""

    message: str


async def answers(installation: Installation, evaluator: Evaluator) -> Finding:
    """Whether an evaluator is there; `ok` if so."""
    address = address_of(installation.url)
    try:
        await resolve(address)
        answer = await evaluator.get("/-/healthy")
    except (httpx.TransportError, httpx.InvalidURL, OSError) as error:
        return await _silent(installation, address, error)
    if _HEALTHY in answer.text:
        return ANSWERS.ok(f"an evaluator answers at {installation.url}")
    port = await look_at(address)
    message = f"{address} is {port.who or 'a web server'}, no evaluator (/-/healthy: {answer.status_code})"
    return ANSWERS.wrong(message, "Name the evaluator's REST gate (its listen.rest): --url or LAPBELL_URL.")


async def _silent(installation: Installation, address: Address, error: Exception) -> Finding:
    """Nobody answers: where else it may be."""
    own = holder(installation)
    if own is not None and address.port in own.ports():
        message = f"{own} has {address}, but says nothing: {why_unanswered(error)}"
        return ANSWERS.wrong(message, "It was stopped, or hangs: see its log, then restart it.")
    if own is not None:
        where = ", ".join(str(port) for port in own.ports()) or "no port"
        return ANSWERS.wrong(
            f"nothing answers at {installation.url}, but an evaluator has the database open; "
            f"it listens on {where} ({own})",
            "Name its REST gate: --url or LAPBELL_URL.",
        )
    port = await look_at(address)
    if port.is_taken:
        return ANSWERS.wrong(f"{address} is {port.who}, no evaluator", f"Set listen.rest to a free port. {_START}")
    return ANSWERS.wrong(f"no evaluator answers at {installation.url}: {port.trouble or why_unanswered(error)}", _START)


def holder(installation: Installation) -> Process | None:
    """The evaluator that has the database of the configuration open; None if there is none, or it can't be told."""
    if installation.settings is None:
        return None
    lock = installation.settings.data_dir / "alerts.db.lock"
    try:
        pid = int(lock.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    owner = process(pid)
    return owner if owner is not None and _has_open(pid, lock) else None


def _has_open(pid: int, lock: Path) -> bool:
    """Numbers of processes are used again: only the one that has the file open is meant."""
    try:
        return any(file.resolve() == lock.resolve() for file in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


async def ready(evaluator: Evaluator) -> Finding:
    """Whether its answers can be trusted."""
    try:
        async with asyncio.timeout(patient(_PATIENCE_S)):
            answer = await evaluator.get("/-/ready")
    except (TimeoutError, httpx.HTTPError) as error:
        return READY.wrong(
            f"it hangs: /-/ready gave no answer ({why_unanswered(error)})", "See its log, and restart it."
        )
    if answer.status_code == HTTPStatus.OK:
        return READY.ok("ready: every gate is open, evaluations are written")
    try:
        message = msgspec.json.decode(answer.content, type=Trouble).message
    except msgspec.MsgspecError:
        message = f"/-/ready answered {answer.status_code}"
    return READY.wrong(f"not ready: {message}", "See its log; a full disk or a lost database keeps it so.")


async def version(installation: Installation, evaluator: Evaluator) -> Finding:
    """Whether command and evaluator are of one version."""
    running = await evaluator.version()
    if running == installation.version:
        return VERSION.ok(f"{running}, as this command")
    message = f"the evaluator is {running}, this command is {installation.version}"
    return VERSION.warning(message, f"Restart the evaluator, or pip install lapbell=={running} here.")


async def clock(evaluator: Evaluator, now: Callable[[], float]) -> Finding:
    """How far its clock is from this machine's.

    Args:
        evaluator: the one that is asked.
        now: this machine's time, Unix seconds.
    """
    asked_at = now()
    theirs = await evaluator.clock()
    ahead_s = theirs - (asked_at + now()) / 2
    if abs(ahead_s) < _APART_S:
        return CLOCK.ok("agrees with this machine's")
    way = "ahead of" if ahead_s > 0 else "behind"
    return CLOCK.warning(f"{abs(ahead_s):.0f} s {way} this machine's", "Keep both clocks right: chrony or timesyncd.")
