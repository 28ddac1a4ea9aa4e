"""Incidents that fire again and again."""

from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Final

from lapbell_evaluator.model import State, Transition

__all__ = ["Flapping"]

_WINDOW_S: Final = 3600.0
_OPENINGS: Final = 4
_KEYS: Final = 10_000


class Flapping:
    """Notices incidents that fired at least four times within an hour."""

    def __init__(self) -> None:
        self._fired: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_OPENINGS))
        self._forget_beyond = _KEYS

    def apply(self, transitions: Iterable[Transition]) -> None:
        """Take notice of written transitions, the oldest first."""
        for transition in transitions:
            if transition.state is State.FIRING and transition.previous is not State.FIRING:
                self._fired[transition.incident.key].append(transition.at)
                if len(self._fired) > self._forget_beyond:
                    self._forget(transition.at)

    def is_flapping(self, key: str, now: float) -> bool:
        """Whether the incident of that key flaps at Unix seconds `now`."""
        fired = self._fired.get(key)
        return fired is not None and len(fired) == _OPENINGS and now - fired[0] <= _WINDOW_S

    def _forget(self, now: float) -> None:
        for key in [key for key, fired in self._fired.items() if now - fired[-1] > _WINDOW_S]:
            del self._fired[key]
        # looking at all of them again and again would cost more each time
        self._forget_beyond = max(_KEYS, 2 * len(self._fired))
