"""Durations as Prometheus writes them.

Source: prometheus/common, model/time.go, ParseDuration.
"""

import re
from typing import Final

__all__ = ["format_duration", "parse_duration"]

_UNITS_MS: Final = {
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_PATTERN: Final = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+){unit})?" for unit in _UNITS_MS))
_MOST_MS: Final = (2**63 - 1) // 1_000_000


def parse_duration(text: str) -> float:
    """Seconds of `1h30m`, `15s`, `0`.

    Raises:
        ValueError: it is none; the message says so.
    """
    if text == "0":
        return 0.0
    found = _PATTERN.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"not a valid duration string: {text!r}")
    milliseconds = sum(int(count) * _UNITS_MS[unit] for unit, count in found.groupdict().items() if count)
    if milliseconds > _MOST_MS:
        raise ValueError("duration out of range")
    return milliseconds / 1000


def format_duration(seconds: float) -> str:
    """The shortest text of a duration: years and weeks only where they are exact, as Prometheus prints it."""
    left = round(seconds * 1000)
    if left == 0:
        return "0s"
    parts = []
    for unit, size in _UNITS_MS.items():
        if unit in ("y", "w", "d") and left % size != 0 and unit != "d":
            continue
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
