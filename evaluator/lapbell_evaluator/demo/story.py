"""What happens in the demo, and when."""

from dataclasses import dataclass
from typing import Final

__all__ = ["ROUND_S", "SLOW_PHASE", "Scene", "scene_at"]

SLOW_PHASE: Final = "signature_validation"
HEALTHY_S: Final = 14.0
SLOW_S: Final = 8.0
RECOVERY_S: Final = (
    108.0  # a minute for the window, half of one that the alert fires on, and some for its resolved notice
)
ROUND_S: Final = HEALTHY_S + SLOW_S + RECOVERY_S


@dataclass(frozen=True, slots=True)
class Scene:
    """One part of the story.

    Attributes:
        title: what a person reads.
        signature_delay_s: how much longer than usual a signature check takes.
    """

    title: str
    signature_delay_s: float


_HEALTHY: Final = Scene("all is well: every phase is fast", 0.0)
_SLOW: Final = Scene("the signature check has become slow: 1.3 s for each webhook", 1.3)
_RECOVERY: Final = Scene("the signature check is fast again", 0.0)


def scene_at(elapsed_s: float) -> Scene:
    """The scene `elapsed_s` seconds after the start; the story begins anew every 130 s."""
    second = elapsed_s % ROUND_S
    if second < HEALTHY_S:
        return _HEALTHY if elapsed_s < ROUND_S else _RECOVERY
    return _SLOW if second < HEALTHY_S + SLOW_S else _RECOVERY
