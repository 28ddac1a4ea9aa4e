"""Incidents that fire again and again."""

from collections import defaultdict, deque
from collections.abc import Sequence
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
        self._room = _KEYS

    def recall(self, history: Sequence[Transition]) -> None:
        """Take notice of the last transitions of an earlier life, the newest first."""
        for transition in reversed(history):
            self.note(transition)

    def note(self, transition: Transition) -> None:
        """Take notice of a transition."""
        if transition.state is State.FIRING and transition.previous is not State.FIRING:
            self._fired[transition.incident.key].append(transition.at)
            if len(self._fired) > self._room:
                self._forget(transition.at)

    def is_flapping(self, key: str, now: float) -> bool:
        """Whether the incident of that key flaps at Unix seconds `now`."""
        fired = self._fired.get(key)
        return fired is not None and len(fired) == _OPENINGS and now - fired[0] <= _WINDOW_S

    def _forget(self, now: float) -> None:
        for key in [key for key, fired in self._fired.items() if now - fired[-1] > _WINDOW_S]:
            del self._fired[key]
        self._room = max(
            _KEYS, 2 * len(self._fired)
        )  # looking at all of them again and again would cost more each time
