"""How late the event loop is."""

import asyncio
from typing import Final

from lapbell import semconv
from lapbell_evaluator.model import Reading, ReadingKind

__all__ = ["LoopLag"]

_LOOK_S: Final = 0.5


class LoopLag:
    """How late the loop is: everything that it serves waits as long."""

    def __init__(self) -> None:
        self._worst_s = 0.0

    async def run(self) -> None:
        """Look twice a second, until cancelled."""
        time = asyncio.get_running_loop().time
        while True:
            began = time()
            await asyncio.sleep(_LOOK_S)
            self._worst_s = max(self._worst_s, time() - began - _LOOK_S)

    def readings(self) -> tuple[Reading, ...]:
        """The worst since it was last asked for."""
        worst_s, self._worst_s = self._worst_s, 0.0
        description = "The longest that the event loop was late of late."
        return (Reading(semconv.LAPBELL_LOOP_LAG, ReadingKind.GAUGE, "s", worst_s, description),)
