"""What becomes of a leap of the evaluator's own clock: time goes on as before, until it is clear that the leap stays.

Who lives by the machine's clock (senders on the same machine, or everybody if the clock was wrong before) is shifted
back by the leap meanwhile, so that windows and alerts notice nothing. A leap is over when the clock leaps back. If it
stays for ten minutes and senders do not contradict it, the evaluator adopts it, and its memory moves with it.
"""

import asyncio
import logging
from typing import Final, Protocol

from lapbell_evaluator.model import SteadyClock
from lapbell_evaluator.receiver.sender_clocks import SenderClocks

__all__ = ["ClockLeaps", "Movable"]

_LOOK_EVERY_S: Final = 5.0
_ADOPTED_AFTER_S: Final = 600.0
_MS_PER_S: Final = 1_000
_log: Final = logging.getLogger(__name__)


class Movable(Protocol):
    """What holds samples: the series store."""

    def move(self, by_ms: int) -> None:
        """Shift all samples in time."""
        ...


class ClockLeaps:
    """Watches the machine's clock.

    Args:
        clock: the evaluator's.
        senders: who tells which time is right.
        memory: moves with a leap that is adopted.
    """

    def __init__(self, clock: SteadyClock, senders: SenderClocks, memory: Movable) -> None:
        self._clock = clock
        self._senders = senders
        self._memory = memory
        self._told_s = 0.0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Log a leap that is new, and adopt one that stays."""
        leap_s = self._clock.leap_s
        if leap_s and not self._told_s:
            _log.error(
                "This machine's clock leapt by %+.0f s. Time goes on here as before; set the clock right. If it stays"
                " and senders do not contradict it, it is adopted after %.0f s.",
                leap_s,
                _ADOPTED_AFTER_S,
            )
        elif self._told_s and not leap_s:
            _log.warning("This machine's clock is right again.")
        self._told_s = leap_s
        if leap_s and self._clock.lasts_s >= _ADOPTED_AFTER_S and not self._senders.contradict_leap:
            by_s = self._clock.adopt()
            self._memory.move(round(by_s * _MS_PER_S))
            self._told_s = 0.0
            _log.warning("This machine's clock stayed where it leapt to; everything here moves by %+.0f s.", by_s)
