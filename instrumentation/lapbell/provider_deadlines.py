"""After how many seconds each known provider of webhooks gives up on an answer: a data file, with its sources."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Final, Literal

__all__ = ["ProviderDeadline", "deadlines_s", "provider_deadlines"]

_FILE: Final = "provider_deadlines.toml"


@dataclass(frozen=True, slots=True)
class ProviderDeadline:
    """When a provider gives up.

    Attributes:
        provider: its name as in `webhook.provider`.
        deadline_s: seconds from the request.
        source: the page that says so.
        read: when that page was looked at.
        confidence: high where the provider's own page gives the number.
    """

    provider: str
    deadline_s: float
    source: str
    read: date
    confidence: Literal["high", "medium"]


@functools.cache
def provider_deadlines() -> tuple[ProviderDeadline, ...]:
    """Every provider of the data file, in its order."""
    text = files("lapbell").joinpath(_FILE).read_text(encoding="utf-8")
    return tuple(
        ProviderDeadline(provider, float(row["deadline_s"]), row["source"], row["read"], row["confidence"])
        for provider, row in tomllib.loads(text).items()
    )


def deadlines_s() -> Mapping[str, float]:
    """Seconds by provider."""
    return {deadline.provider: deadline.deadline_s for deadline in provider_deadlines()}
