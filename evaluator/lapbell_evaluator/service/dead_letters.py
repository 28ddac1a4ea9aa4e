"""What receivers refused for ever, and how people have it sent once more."""

from collections.abc import Callable, Sequence

from lapbell_evaluator.database import Database
from lapbell_evaluator.model import AuditEntry, Clock, DeadLetter, Page

__all__ = ["DeadLetters"]


class DeadLetters:
    """The dead letters of every receiver.

    Args:
        database: where they are kept.
        clock: the time.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._on_replay: list[Callable[[], None]] = []

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call `wake` when some of them wait for delivery again."""
        self._on_replay.append(wake)

    async def page(self, limit: int, before: int | None) -> Page[DeadLetter]:
        """A page of them, the newest first."""
        return await self._database.dead_letters(limit, before)

    async def replay(self, ids: Sequence[int] | None, by: str, why: str) -> int:
        """Have them (None: all) delivered once more, in the order in which they were written; returns how many."""
        target = "all" if ids is None else ", ".join(map(str, ids))
        replayed = await self._database.replay(ids, AuditEntry(self._clock.now(), by, "replay", target, why))
        for wake in self._on_replay:
            wake()
        return replayed
