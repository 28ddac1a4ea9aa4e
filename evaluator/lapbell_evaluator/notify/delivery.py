"""From the outbox to one receiver: in order, at least once, again while the receiver is down."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from lapbell_evaluator.model import Clock, EvaluatorError, Notice, Reading
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.progress import Progress

__all__ = ["Delivery", "Outbox", "Receiver"]

_log = logging.getLogger(__name__)
_BATCH: Final = 100
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 30.0
_IDLE_S: Final = 60.0


class Outbox(Protocol):
    """Where notices wait."""

    async def pending(self, receiver: str, limit: int) -> tuple[Notice, ...]:
        """The notices that the receiver has not taken yet, the oldest first."""
        ...

    async def delivered(self, ids: Sequence[int], at: float) -> None:
        """Note that the notices reached it, at Unix seconds."""
        ...

    async def sending(self, ids: Sequence[int], at: float) -> None:
        """Note that delivery is tried now, at Unix seconds."""
        ...

    async def failed(self, ids: Sequence[int], error: str) -> None:
        """Note that they did not."""
        ...


class Receiver(Protocol):
    """Takes notices."""

    async def send(self, notices: Sequence[Notice]) -> None:
        """Take them all, in order.

        Raises:
            DeliveryError: they were not taken.
        """
        ...


class Delivery:
    """Delivers what waits for one receiver.

    A notice is marked as delivered once the receiver has taken it. If the evaluator dies in between, it is sent again,
    with the same transition id, by which a receiver can drop the second.

    Args:
        name: the receiver's, as the outbox has it.
        receiver: takes the notices.
        outbox: where they wait.
        clock: the time of delivery.
    """

    def __init__(self, name: str, receiver: Receiver, outbox: Outbox, clock: Clock) -> None:
        self._name = name
        self._receiver = receiver
        self._outbox = outbox
        self._clock = clock
        self._woken = asyncio.Event()
        self._progress = Progress(name, clock)

    def readings(self) -> tuple[Reading, ...]:
        """What delivery says about itself."""
        return self._progress.readings()

    def wake(self) -> None:
        """There may be something new."""
        self._woken.set()

    async def deliver(self) -> int:
        """Deliver everything that waits, and say how much it was.

        Raises:
            DeliveryError: the receiver did not take a batch; it and what follows still waits.
        """
        count = 0
        while notices := await self._outbox.pending(self._name, _BATCH):
            ids = [notice.id for notice in notices]
            await self._outbox.sending(ids, self._clock.now())
            try:
                await self._receiver.send(notices)
            except DeliveryError as error:
                self._progress.failed()
                await self._outbox.failed(ids, str(error))
                raise
            await self._outbox.delivered(ids, self._clock.now())
            self._progress.took(len(ids))
            count += len(ids)
        return count

    async def run(self) -> None:
        """Deliver when woken, and again after a pause that doubles while the receiver is down, until cancelled."""
        pause = _FIRST_PAUSE_S
        while True:
            self._woken.clear()
            try:
                await self.deliver()
                pause = _FIRST_PAUSE_S
                await self._wait()
                continue
            except EvaluatorError as error:
                _log.warning("%s: %s Trying again in %.0f s.", self._name, error, pause)
            except Exception:  # noqa: BLE001 - one receiver's fault must not end the evaluator; it is logged whole
                _log.exception("%s: trying again in %.0f s.", self._name, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _wait(self) -> None:
        """Until woken, a minute at most: a lost wake-up may delay a notice, never lose it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_IDLE_S):
                await self._woken.wait()
