"""Names the jobs that lost series in the log, once a minute at most."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from lapbell_evaluator.model import Clock
from lapbell_evaluator.series.pool import Shortage
from lapbell_evaluator.series.shortages import Loss

__all__ = ["ShortageLog"]

_LOOK_EVERY_S: Final = 5.0
_LOG_EVERY_S: Final = 60.0
_JOBS_NAMED: Final = 5
_NAME_CHARS: Final = 100
_log: Final = logging.getLogger("lapbell_evaluator.series")


class ShortageLog:
    """Writes what was cut and refused.

    Args:
        losses: gives the losses since it was last called.
        clock: the time between two looks that log.
    """

    def __init__(self, losses: Callable[[], Mapping[tuple[Shortage, str], Loss]], clock: Clock) -> None:
        self._losses = losses
        self._clock = clock
        self._logged_at: float | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Log what was lost, unless something was logged within the last minute."""
        now = self._clock.now()
        if self._logged_at is not None and 0 <= now - self._logged_at < _LOG_EVERY_S:
            return
        losses = sorted(self._losses().items(), key=lambda entry: -entry[1].cut - entry[1].refused)
        if not losses:
            return
        self._logged_at = now
        for (shortage, job), loss in losses[:_JOBS_NAMED]:
            _log.warning(
                "There is no room for all series of job %s: %s lost to jobs with fewer, new ones refused %s times,"
                " of metrics such as %s. Raise %s, or send fewer names and label values.",
                _shown(job),
                f"{loss.cut:,}",
                f"{loss.refused:,}",
                ", ".join(map(_shown, sorted(loss.metrics))),
                shortage.value if shortage is not Shortage.UNREAD else Shortage.SERIES.value,
            )
        if len(losses) > _JOBS_NAMED:
            _log.warning("%s more jobs lost series.", f"{len(losses) - _JOBS_NAMED:,}")


def _shown(name: str) -> str:
    """A name that a sender chose, on one line and not too long."""
    return repr(name[:_NAME_CHARS])
