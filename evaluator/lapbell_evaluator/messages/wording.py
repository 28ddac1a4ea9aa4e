"""Numbers, times and text of strangers, as people read them."""

import math
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["clean", "cut", "duration", "moment", "number", "percent"]

_ELLIPSIS: Final = "…"
_THOUSAND: Final = 1000
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def number(value: float | None) -> str:
    """Three digits that count, whole above a thousand: 0.123, 3.2, 25,000; empty if it was not measured."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:,.0f}" if abs(value) >= _THOUSAND else f"{value:.3g}"


def percent(share: float | None) -> str:
    """81%, of a share from 0 to 1; empty if it was not measured."""
    return "" if share is None or not math.isfinite(share) else f"{share:.0%}"


def duration(seconds: float) -> str:
    """The two largest units: 40 s, 12 min 5 s, 3 h, 2 d 4 h."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def moment(at: float, now: float, zone: ZoneInfo | None) -> str:
    """02:14 UTC, with its date if that is not today's, at Unix seconds; in UTC if there is no time zone."""
    local, today = (datetime.fromtimestamp(each, zone or UTC) for each in (at, now))
    time = local.strftime("%H:%M %Z")
    if local.date() == today.date():
        return time
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {_MONTHS[local.month - 1]}{year} {time}"


def clean(text: str, limit: int) -> str:
    """One line of at most `limit` characters, without control characters and what turns the direction of writing."""
    beginning = text[: 4 * limit]
    printable = "".join(character if character.isprintable() else " " for character in beginning)
    return cut(" ".join(printable.split()), limit)


def cut(text: str, limit: int) -> str:
    """The first characters, with an ellipsis if that is not all."""
    return text if len(text) <= limit else text[: max(0, limit - 1)].rstrip() + _ELLIPSIS[:limit]
