"""Silences and inhibition: which alerts are muted, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from lapbell_evaluator.model.labels import Labels, fingerprint

__all__ = ["InhibitRule", "LabelMatcher", "Muted", "Muter", "Silence", "SilenceState"]


class SilenceState(StrEnum):
    """Where a silence stands, as Alertmanager names it."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One condition on one label, as Alertmanager has it; an absent label is empty.

    Attributes:
        name: the label's.
        value: text, or a regular expression (RE2) that must match all of it.
        is_regex: which of both.
        is_equal: whether it must match, or must not.
    """

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match every matcher are muted while it is active.

    Attributes:
        id: a UUID; empty for one that is new.
        matchers: at least one.
        starts_at: Unix seconds.
        ends_at: Unix seconds.
        created_by: who.
        comment: why.
        updated_at: Unix seconds.
    """

    id: str
    matchers: tuple[LabelMatcher, ...]
    starts_at: float
    ends_at: float
    created_by: str
    comment: str
    updated_at: float = 0.0

    def state(self, now: float) -> SilenceState:
        """Where it stands at Unix seconds `now`."""
        if now < self.starts_at:
            return SilenceState.PENDING
        return SilenceState.ACTIVE if now < self.ends_at else SilenceState.EXPIRED


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While a source fires, targets with the same values of some labels are muted.

    Attributes:
        sources: conditions on the alert that inhibits.
        targets: conditions on the alert that is inhibited.
        equal: labels that must have the same value in both.
    """

    sources: tuple[LabelMatcher, ...]
    targets: tuple[LabelMatcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Muted:
    """Why an alert is muted.

    Attributes:
        silenced_by: ids of silences.
        inhibited_by: labels of firing alerts.
        maintained_by: names of maintenance windows that are on.
    """

    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[Labels, ...] = ()
    maintained_by: tuple[str, ...] = ()

    @property
    def is_muted(self) -> bool:
        """Whether there is a reason."""
        return bool(self.silenced_by or self.inhibited_by or self.maintained_by)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Of the alerts that inhibit it."""
        return tuple(map(fingerprint, self.inhibited_by))


Muter = Callable[[Labels], Muted]
"""Says by its labels whether an alert is muted now, and why."""
