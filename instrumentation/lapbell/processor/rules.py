"""What the processor must know: which requests are webhooks, whose they are, and when one is late."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["ProviderOf", "Rules"]

ProviderOf: TypeAlias = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class Rules:
    """Decided once, at set-up.

    Attributes:
        provider_of: from a method and a route's template (empty if the app has no routes) to the provider's name
            (empty if not known), or None if such requests are no webhooks.
        targets_s: the target and the requirement, ascending; the last one is the requirement.
    """

    provider_of: ProviderOf
    targets_s: tuple[float, ...]

    @property
    def requirement_s(self) -> float:
        """Seconds after which a provider gives up."""
        return self.targets_s[-1]
