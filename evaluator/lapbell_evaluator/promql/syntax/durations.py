"""Durations as text: seconds of `1h30m`, and back."""

import re
from functools import lru_cache
from typing import Final

__all__ = ["MAX_DURATION_MS", "duration_seconds", "duration_text"]

_UNITS_MS: Final = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PATTERN: Final = re.compile("".join(rf"(?:(\d{{1,20}}){unit})?" for unit in _UNITS_MS))
_EXACT_ONLY: Final = frozenset({"y", "w", "d"})
MAX_DURATION_MS: Final = (1 << 63) // 1_000_000
"""The longest duration, milliseconds: Go's are int64 nanoseconds."""


@lru_cache(1024)
def duration_seconds(text: str) -> float | None:
    """Seconds of `1h30m`; None if it is no duration: units go from large to small, each once."""
    match = _PATTERN.fullmatch(text)
    if not text or match is None:
        return None
    total = sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS_MS.values(), strict=True) if count)
    return total / 1000 if total <= MAX_DURATION_MS else None


def duration_text(seconds: float) -> str:
    """The canonical text; years, weeks and days only where they leave no rest.

    Source: prometheus/common, model/time.go, `Duration.String`.
    """
    rest = round(seconds * 1000)
    if rest == 0:
        return "0s"
    sign, rest = ("-", -rest) if rest < 0 else ("", rest)
    text = ""
    for unit, size in _UNITS_MS.items():
        if unit in _EXACT_ONLY and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return sign + text
