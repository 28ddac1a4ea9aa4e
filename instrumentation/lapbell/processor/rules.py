"""What the processor must know: which requests are webhooks, whose they are, and when one is late."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["Limits", "ProviderOf", "Rules"]

ProviderOf: TypeAlias = Callable[[str, str], str | None]

_TRIPLE: Final = 3.0


@dataclass(frozen=True, slots=True)
class Limits:
    """When a webhook is late.

    Attributes:
        targets_s: the target and the requirement, ascending; the last one is the requirement.
        deadlines_s: seconds after which a provider gives up, by provider.
    """

    targets_s: tuple[float, ...]
    deadlines_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def requirement_s(self) -> float:
        """Seconds within which every webhook must be answered."""
        return self.targets_s[-1]

    def thresholds(self, provider: str) -> tuple[tuple[float, str], ...]:
        """What the SLO counter of a provider's webhooks counts by: seconds, and the same as text, ascending."""
        deadline_s = self.deadlines_s.get(provider)
        times_s = self.targets_s if deadline_s is None else sorted({*self.targets_s, deadline_s})
        return tuple((time_s, f"{time_s:g}") for time_s in times_s)

    def overdue_s(self, provider: str) -> float:
        """Seconds after which one webhook alone is overdue: three times the requirement, or the provider's deadline."""
        triple_s = _TRIPLE * self.requirement_s
        return min(triple_s, self.deadlines_s.get(provider, triple_s))


@dataclass(frozen=True, slots=True)
class Rules:
    """Decided once, at set-up.

    Attributes:
        provider_of: from a method and a route's template (empty if the app has no routes) to the provider's name
            (empty if not known), or None if such requests are no webhooks.
        limits: when a webhook is late.
    """

    provider_of: ProviderOf
    limits: Limits
