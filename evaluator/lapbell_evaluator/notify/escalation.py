"""When a receiver is told that hears only of what nobody has taken: derived from the incident, its moves and the clock.

Nothing is remembered that a restart must not lose. Of what was muted, the time runs from the last look at which it was:
a chain of receivers does not wake all at once when a silence ends. Who starts anew right then wakes too early, never
too late.
"""

from collections.abc import Callable, Collection, Sequence

from lapbell_evaluator.model import Incident, Notice, Transition
from lapbell_evaluator.notify.paging import is_told

__all__ = ["Escalation"]


class Escalation:
    """Waits for somebody to acknowledge an incident before its receiver is told of it.

    Args:
        after_s: seconds that anybody has for it; 0: the receiver is told at once, whoever has it.
        standing: the incident of a key as it is now; None if it is over.
    """

    def __init__(self, after_s: float, standing: Callable[[str], Incident | None]) -> None:
        self._after_s = after_s
        self._standing = standing
        self._muted_at: dict[str, float] = {}

    def due_at(self, own: Sequence[Notice]) -> float | None:
        """Unix seconds at which the receiver is told that an incident began; None while somebody has it, or it has not.

        Each page asks anew: who acknowledged the warning has not acknowledged the critical alert.

        Args:
            own: what waits of one incident, in order.
        """
        pages = [notice.transition for notice in own if is_told(notice.transition)]
        if not pages or self._after_s == 0:
            return pages[0].at if pages else None
        open_since = [page.at for page in pages if self._is_open(page)]
        if not open_since:
            return None
        return max(open_since[0], self._muted_at.get(pages[0].incident.id, 0.0)) + self._after_s

    def _is_open(self, page: Transition) -> bool:
        """Whether nobody has acknowledged it, nor the cause of the problem that it joins."""
        now = self._standing(page.incident.key)
        if now is None or now.id != page.incident.id:
            return True
        cause = self._standing(now.caused_by) if page.joins and now.caused_by is not None else None
        is_taken = now.acknowledged_at is not None and page.at <= now.acknowledged_at
        return not is_taken and (cause is None or cause.acknowledged_at is None)

    def muted(self, incident: str, now: float) -> None:
        """The incident of this id is muted, at Unix seconds."""
        if self._after_s:
            self._muted_at[incident] = now

    def keep(self, incidents: Collection[str]) -> None:
        """Forget all but these."""
        if self._muted_at:
            self._muted_at = {key: at for key, at in self._muted_at.items() if key in incidents}
