"""Times and durations as templates have them: what Go's package time prints, and its methods that templates can use.

Source: https://pkg.go.dev/time; all times are UTC.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from lapbell_evaluator.rules.template.errors import TemplateError
from lapbell_evaluator.rules.template.floats import shown_float

__all__ = ["DURATION_METHODS", "TIME_METHODS", "Duration", "Named", "Time", "duration_of", "int64", "time_of"]

_NS: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STRING: Final = "2006-01-02 15:04:05.999999999 -0700 MST"
_PART: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|Z07(?::?00){0,2}|-07(?::?00){0,2}|__2|_2(?!006)|002|01|02|03|04|05|06"
    r"|15|[1-5]|PM|pm|[.,](?:0++|9++)(?!\d)"
)


class Named(int):
    """A number that is shown by its name: a month, a day of the week."""

    def __new__(cls, value: int, name: str, kind: str) -> Self:
        """The number `value` of Go's type `kind`."""
        month = super().__new__(cls, value)
        month.name, month.kind = name, kind
        return month

    name: str
    kind: str


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """Nanoseconds."""

    ns: int

    def __str__(self) -> str:
        """As `1h30m0s`, `1.5ms`."""
        sign, ns = ("-", -self.ns) if self.ns < 0 else ("", self.ns)
        if ns < _NS:
            unit, size = next((unit_size for unit_size in _SMALL_UNITS if ns >= unit_size[1]), ("s", 1))
            return f"{sign}{_decimal(ns, size)}{unit}"
        minutes, rest = divmod(ns, 60 * _NS)
        hours, minutes = divmod(minutes, 60)
        seconds = f"{_decimal(rest, _NS)}s"
        return sign + (f"{hours}h{minutes}m{seconds}" if hours else f"{minutes}m{seconds}" if minutes else seconds)


_SMALL_UNITS: Final = (("ms", _NS_PER_MS), ("\u00b5s", 1000), ("ns", 1))


@dataclass(frozen=True, slots=True, order=True)
class Time:
    """Nanoseconds since 1970."""

    ns: int

    def __str__(self) -> str:
        """As `2015-06-23 13:19:44.128 +0000 UTC`."""
        return formatted(self, _STRING)

    @property
    def moment(self) -> datetime:
        """To the second."""
        return _EPOCH + timedelta(seconds=self.ns // _NS)


def int64(value: float) -> int:
    """What Go makes of a float: the least number where it has none."""
    return int(value) if math.isfinite(value) and _LEAST <= value <= _MOST else _LEAST


def time_of(seconds: float) -> Time:
    """The time of Unix seconds, to the millisecond.

    Raises:
        TemplateError: there is none.
    """
    if not math.isfinite(seconds):
        raise TemplateError("value is NaN or Inf")
    if not _LEAST <= seconds * 1e9 <= _MOST:
        text = shown_float(seconds)
        raise TemplateError(f"{text} cannot be represented as a nanoseconds timestamp since it overflows int64")
    ns = int64(seconds * 1e9)
    return Time(ns // _NS_PER_MS * _NS_PER_MS if ns >= 0 else -(-ns // _NS_PER_MS) * _NS_PER_MS)


def duration_of(seconds: float) -> Duration:
    """So many seconds."""
    return Duration(int64(seconds * 1e9))


def formatted(time: Time, layout: str) -> str:
    """A time as Go's `Time.Format` writes it after a pattern of the second of January 2006."""
    return _PART.sub(lambda part: _part(time, part[0]), layout)


def _part(time: Time, part: str) -> str:
    moment = time.moment
    if part[0] in ".,":
        digits = f"{time.ns % _NS:09d}"[: len(part) - 1]
        digits = digits.rstrip("0") if part[1] == "9" else digits
        return part[0] + digits if digits else ""
    if part[0] in "Z-":
        return "Z" if part[0] == "Z" else part.replace("-07", "+00")
    plain = {
        "January": f"{moment:%B}", "Jan": f"{moment:%b}", "Monday": f"{moment:%A}", "Mon": f"{moment:%a}", "MST": "UTC",
        "2006": f"{moment:%Y}", "06": f"{moment:%y}", "01": f"{moment:%m}", "1": str(moment.month),
        "02": f"{moment:%d}", "2": str(moment.day), "_2": f"{moment.day:2d}", "002": f"{moment:%j}",
        "__2": f"{moment.timetuple().tm_yday:3d}", "15": f"{moment:%H}", "03": f"{moment:%I}",
        "3": str(moment.hour % 12 or 12), "04": f"{moment:%M}", "4": str(moment.minute), "05": f"{moment:%S}",
        "5": str(moment.second), "PM": f"{moment:%p}", "pm": f"{moment:%p}".lower(),
    }  # fmt: skip
    return plain[part]


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)


def _layout(time: Time, layout: object) -> str:
    if not isinstance(layout, str):
        raise TemplateError("wrong type for value; expected string")
    return formatted(time, layout)


def _other(value: object) -> Time:
    if not isinstance(value, Time):
        raise TemplateError("wrong type for value; expected time.Time")
    return value


def _later(time: Time, by: object) -> Time:
    if isinstance(by, Duration):
        return Time(time.ns + by.ns)
    if isinstance(by, bool) or not isinstance(by, int):
        raise TemplateError("wrong type for value; expected time.Duration")
    return Time(time.ns + by)


def _month(time: Time) -> Named:
    return Named(time.moment.month, f"{time.moment:%B}", "time.Month")


def _weekday(time: Time) -> Named:
    return Named(time.moment.isoweekday() % 7, f"{time.moment:%A}", "time.Weekday")


TIME_METHODS: Final[Mapping[str, Callable[..., "bool | int | str | Time | Duration"]]] = {
    "Year": lambda time: time.moment.year,
    "Month": _month,
    "Day": lambda time: time.moment.day,
    "Weekday": _weekday,
    "Hour": lambda time: time.moment.hour,
    "Minute": lambda time: time.moment.minute,
    "Second": lambda time: time.moment.second,
    "Nanosecond": lambda time: time.ns % _NS,
    "YearDay": lambda time: time.moment.timetuple().tm_yday,
    "Unix": lambda time: time.ns // _NS,
    "UnixMilli": lambda time: time.ns // _NS_PER_MS,
    "UnixMicro": lambda time: time.ns // 1000,
    "UnixNano": lambda time: time.ns,
    "Format": _layout,
    "String": str,
    "UTC": lambda time: time,
    "IsZero": lambda _: False,  # that is the year 1, which no number of seconds stands for
    "Add": _later,
    "Sub": lambda time, other: Duration(time.ns - _other(other).ns),
    "Before": lambda time, other: time < _other(other),
    "After": lambda time, other: time > _other(other),
    "Equal": lambda time, other: time == _other(other),
}

DURATION_METHODS: Final[Mapping[str, Callable[[Duration], int | float | str]]] = {
    "Hours": lambda duration: duration.ns / (3600 * _NS),
    "Minutes": lambda duration: duration.ns / (60 * _NS),
    "Seconds": lambda duration: duration.ns / _NS,
    "Milliseconds": lambda duration: math.trunc(duration.ns / _NS_PER_MS),
    "Microseconds": lambda duration: math.trunc(duration.ns / 1000),
    "Nanoseconds": lambda duration: duration.ns,
    "String": str,
}
