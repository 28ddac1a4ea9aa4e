"""The order of severities."""

from typing import Final

__all__ = ["rank_of"]

_RANKS: Final = {"info": 1, "warning": 2, "error": 3, "critical": 4, "page": 4}


def rank_of(name: str) -> int:
    """0 for an unknown severity or none, then info, warning, error, critical (page)."""
    return _RANKS.get(name.lower(), 0)
