"""Which stretch of time, and of which service, a summary speaks of."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Query

from lapbell_evaluator.api.errors import ApiError

__all__ = ["Scope", "ScopeQuery", "duration_s", "unix_s"]

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31536000.0}
_DURATION: Final = re.compile(r"(\d{1,12})(ms|[smhdwy])")
_LONGEST_S: Final = 366 * 86400.0
_LONGEST_TEXT: Final = 32


@dataclass(frozen=True, slots=True)
class Scope:
    """From `start` to `end`, Unix seconds, of one service or of all."""

    start: float
    end: float
    service: str | None

    @property
    def length_s(self) -> float:
        """Seconds from start to end."""
        return self.end - self.start

    def covers(self, job: str, time: float) -> bool:
        """Whether something of `job` (`namespace/name` or `name`) at `time` is spoken of."""
        return self.start <= time <= self.end and self.is_of(job)

    def is_of(self, job: str) -> bool:
        """Whether `job` is the scope's service."""
        return self.service is None or self.service in {job, job.rpartition("/")[2]}


@dataclass(frozen=True, slots=True)
class ScopeQuery:
    """The parameters of a request that name a scope, as the query string has them."""

    window: Annotated[str, Query(description="How far back from now or from `end`: 30s, 5m, 1h30m.")] = "5m"
    start: Annotated[str | None, Query(description="Unix seconds or RFC 3339; instead of `window`.")] = None
    end: Annotated[str | None, Query(description="Unix seconds or RFC 3339; now if absent.")] = None
    service: Annotated[str | None, Query(description="`service.name`, or `namespace/name`; all if absent.")] = None

    def scope(self, now: float) -> Scope:
        """The scope that they name at `now`, Unix seconds.

        Raises:
            ApiError: 422 for what is no time or no stretch of time.
        """
        end = now if self.end is None else unix_s("end", self.end)
        start = end - duration_s("window", self.window) if self.start is None else unix_s("start", self.start)
        if not 0 < end - start <= _LONGEST_S:
            raise _refused(
                "start", f"{start} to {end} is no stretch of time, or longer than a year", "Swap or narrow them"
            )
        return Scope(start, end, self.service)


def duration_s(name: str, text: str) -> float:
    """Seconds of `5m` or `1h30m`; raises ApiError 422."""
    parts = _DURATION.findall(text[:_LONGEST_TEXT])
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise _refused(name, f"{text[:40]!r} is no duration", "Write 30s, 5m or 1h30m")
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def unix_s(name: str, text: str) -> float:
    """Unix seconds of a number or of RFC 3339; raises ApiError 422."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = _rfc3339(name, text)
    if not 0 <= seconds < 1e11:
        raise _refused(name, f"{text[:40]!r} is no time", "Write Unix seconds")
    return seconds


def _rfc3339(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _refused(name, f"{text[:40]!r} is no time", "Write Unix seconds or 2026-11-24T21:00:00Z") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _refused(name: str, what: str, remedy: str) -> ApiError:
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_window", f"{name}: {what}.", f"{remedy}.")
