"""What an incident shows to people beside its value: who is slow, and examples of it."""

from dataclasses import dataclass

__all__ = ["Evidence", "PhaseShare"]


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """One phase's part of the excess over the baseline window.

    Attributes:
        phase: the name of the phase, without prefix.
        share: 0..1 of the excess.
        excess_s: seconds per request above the baseline.
    """

    phase: str
    share: float
    excess_s: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """Attached to an incident when it fires.

    Attributes:
        blame: shares by phase, the largest first; empty where phases do not apply.
        trace_ids: 32 hex digits each, of slow or failing requests inside the breaching window, the worst first.
    """

    blame: tuple[PhaseShare, ...] = ()
    trace_ids: tuple[str, ...] = ()

    @property
    def phase(self) -> str | None:
        """The phase to blame."""
        return self.blame[0].phase if self.blame else None
