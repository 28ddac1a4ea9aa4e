"""A sign of life to a dead man's switch, which rings when it stays away: only while somebody would hear of an alert."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Clock, Reading, ReadingKind
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.http_post import HttpPost

__all__ = ["Heartbeat"]

_HELP: Final = "Seconds since which the dead man's switch has heard nothing; 0 while it does."
_log: Final = logging.getLogger(__name__)


class Heartbeat:
    """Asks a URL at an interval, unless something is wrong.

    Args:
        url: a secret: it is neither logged nor told.
        interval_s: seconds between two signs of life.
        clock: the time.
        trouble: says why nobody would hear of an alert now; empty while somebody would.
        timeout_s: for one request.
    """

    def __init__(
        self, url: str, interval_s: float, clock: Clock, trouble: Callable[[], str], *, timeout_s: float = 10.0
    ) -> None:
        self._interval_s = interval_s
        self._clock = clock
        self._trouble = trouble
        self._silent_since: float | None = None
        self._told = ""
        self._http = HttpPost(url, clock, name="The dead man's switch", setting="heartbeat", timeout_s=timeout_s)

    def readings(self) -> tuple[Reading, ...]:
        """What the heartbeat says about itself."""
        silent_s = 0.0 if self._silent_since is None else self._clock.now() - self._silent_since
        return (Reading(semconv.LAPBELL_HEARTBEAT_FAILING_TIME, ReadingKind.GAUGE, "s", silent_s, _HELP),)

    async def beat(self) -> bool:
        """Give a sign of life if there is nothing wrong; whether it was heard. What is wrong is logged once."""
        wrong = self._trouble()
        if wrong:
            self._fails("withheld", f"The dead man's switch is to ring: {wrong}")
            return False
        try:
            answer = await self._http.get()
        except DeliveryError as error:
            self._fails("unanswered", str(error))
            return False
        if not answer.is_success:
            self._fails("refused", f"The dead man's switch answers {answer.status}: {answer.text()}. See heartbeat.")
            return False
        if self._told:
            _log.info("the dead man's switch hears us again")
        self._told, self._silent_since = "", None
        return True

    async def run(self) -> None:
        """Beat at the interval, until cancelled."""
        while True:
            try:
                await self.beat()
            except Exception:  # noqa: BLE001 - the switch rings then, and the evaluator goes on; it is logged whole
                _log.exception("no heartbeat")
            await asyncio.sleep(self._interval_s)

    async def close(self) -> None:
        """End the connections."""
        await self._http.close()

    def _fails(self, kind: str, why: str) -> None:
        self._silent_since = self._clock.now() if self._silent_since is None else self._silent_since
        if kind != self._told:
            self._told = kind
            _log.error("%s", why)
