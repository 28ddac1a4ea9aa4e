"""The life of silences, by Alertmanager's rules.

Source: Alertmanager, silence/silence.go: what may change in place, and what becomes a new silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from lapbell_evaluator.alerts.matching import MatcherError, check, matches
from lapbell_evaluator.model import AuditEntry, Change, EvaluatorError, Labels, Silence, SilenceState

__all__ = ["SilenceError", "Silences", "UnknownSilenceError"]

KEPT_S: Final = 5 * 86_400.0
"""How long an expired silence is shown."""


_SHOWN_CHARS: Final = 100


class SilenceError(EvaluatorError):
    """A silence that can't be."""


class UnknownSilenceError(SilenceError):
    """There is no silence with this id."""


class Silences:
    """Every silence, expired ones for five days.

    Like the store of alerts it plans a change first, and applies it once it is written.
    """

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self._silences = {silence.id: silence for silence in silences}

    def all(self, now: float) -> tuple[Silence, ...]:
        """Those that are not forgotten, the one that ends last first."""
        silences = (silence for silence in self._silences.values() if silence.ends_at > now - KEPT_S)
        return tuple(sorted(silences, key=lambda silence: (-silence.ends_at, silence.id)))

    def get(self, key: str) -> Silence:
        """The silence of that id.

        Raises:
            UnknownSilenceError: there is none.
        """
        silence = self._silences.get(key)
        if silence is None:
            raise UnknownSilenceError(f"There is no silence {key[:_SHOWN_CHARS]}.", "List them: GET /api/v2/silences.")
        return silence

    def muting(self, labels: Labels, now: float) -> tuple[str, ...]:
        """The ids of the active silences that match, sorted."""
        named: Mapping[str, str] = dict(labels)
        return tuple(
            sorted(
                silence.id
                for silence in self._silences.values()
                if silence.state(now) is SilenceState.ACTIVE and matches(silence.matchers, named)
            )
        )

    def put(self, wanted: Silence, new_id: str, now: float, by: str = "") -> Change:
        """Make a silence, or change the one with its id.

        An active silence may change its end and its comment, a pending one also its start; any other change expires it
        and makes a new one.

        Args:
            wanted: without an id a new one.
            new_id: for the one that is made.
            now: Unix seconds.
            by: the role that was proven; the name in `wanted` is only claimed.

        Raises:
            SilenceError: it matches everything, or its times are wrong.
            UnknownSilenceError: it has an id that there is none of.
        """
        _check(wanted, now)
        before = self.get(wanted.id) if wanted.id else None
        actor = f"{wanted.created_by} ({by})" if by else wanted.created_by
        audit = (AuditEntry(now, actor, "silence", wanted.id or new_id, wanted.comment),)
        if before is not None and _can_change(before, wanted, now):
            return Change(silences=(replace(wanted, updated_at=now),), audit=audit)
        silence = replace(wanted, id=new_id, starts_at=max(wanted.starts_at, now), updated_at=now)
        is_over = before is None or before.state(now) is SilenceState.EXPIRED
        ended = () if before is None or is_over else (_expired(before, now),)
        return Change(silences=(*ended, silence), audit=audit)

    def expire(self, key: str, by: str, now: float) -> Change:
        """End a silence now.

        Raises:
            UnknownSilenceError: there is none with this id.
            SilenceError: it has ended already.
        """
        silence = self.get(key)
        if silence.state(now) is SilenceState.EXPIRED:
            raise SilenceError(f"Silence {key} already expired.")
        audit = AuditEntry(now, by, "expire_silence", key, "")
        return Change(silences=(_expired(silence, now),), audit=(audit,))

    def apply(self, change: Change) -> None:
        """Make a written change the present."""
        self._silences.update((silence.id, silence) for silence in change.silences)


def _check(silence: Silence, now: float) -> None:
    if not silence.matchers:
        raise SilenceError("A silence needs at least one matcher.")
    for matcher in silence.matchers:
        check(matcher)
    if matches(silence.matchers, {}):
        raise MatcherError("At least one matcher must not match the empty string.", "It would silence everything.")
    if silence.ends_at < silence.starts_at:
        raise SilenceError("The end of a silence must not be before its start.")
    if silence.ends_at < now:
        raise SilenceError("The end of a silence can't be in the past.")


def _can_change(before: Silence, wanted: Silence, now: float) -> bool:
    if before.matchers != wanted.matchers:
        return False
    state = before.state(now)
    if state is SilenceState.ACTIVE:
        return int(before.starts_at) == int(wanted.starts_at)
    return state is SilenceState.PENDING and wanted.starts_at >= now


def _expired(silence: Silence, now: float) -> Silence:
    starts_at = min(silence.starts_at, now) if silence.state(now) is SilenceState.ACTIVE else now
    return replace(silence, starts_at=starts_at, ends_at=now, updated_at=now)
