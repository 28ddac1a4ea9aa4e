"""Which maintenance windows are on, by their schedules.

A schedule is five fields of cron in local time. Where clocks are set forward, what would begin in the hour that there
is not begins when it is over; where they are set back, what begins at a fixed time begins once, in the first of both
hours. So does Debian's cron, which the library follows.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from cronsim import CronSim, CronSimError

from lapbell_evaluator.alerts.matching import matches
from lapbell_evaluator.model import EvaluatorError, LabelMatcher, Maintenance, MaintenanceState

__all__ = ["MaintenanceError", "MaintenanceWindows", "check_maintenance"]

_FIELDS: Final = 5
_REMEDY: Final = "Write minute, hour, day, month and weekday, such as 0 3 * * SUN."
_SHIFT_S: Final = 3 * 3_600.0
"""Local times are in order but for what clocks are set back by: two hours at most, so far."""
_DAY: Final = timedelta(days=1)
_MOST_JOINED: Final = 3_000
"""A window that has begun anew so often before it ended is taken for one without an end."""


class MaintenanceError(EvaluatorError):
    """A maintenance window that can't be."""


def check_maintenance(schedule: str, matchers: Sequence[LabelMatcher]) -> None:
    """Return if a window could be like this.

    Raises:
        MaintenanceError: the schedule never comes, or is none, or the matchers match everything.
    """
    if len(schedule.split()) != _FIELDS:
        raise MaintenanceError(f"{schedule!r} has not the five fields of cron.", _REMEDY)
    try:
        next(CronSim(schedule, datetime.now(UTC)))
    except CronSimError as error:
        raise MaintenanceError(f"{schedule!r}: {str(error).lower()}.", _REMEDY) from None
    except StopIteration:
        raise MaintenanceError(f"{schedule!r} never comes.", "Name a day that there is.") from None
    if matches(matchers, {}):
        raise MaintenanceError("A matcher at least must not match the empty string.", "It would mute everything.")


@dataclass(slots=True)
class _Known:
    """A state, and the Unix seconds from and until which it is true."""

    state: MaintenanceState
    since: float
    until: float


class MaintenanceWindows:
    """Knows which windows are on; asks a schedule only where the last answer is no longer true.

    Args:
        windows: of the configuration.
    """

    def __init__(self, windows: Sequence[Maintenance] = ()) -> None:
        self._windows = tuple(windows)
        self._known: dict[str, _Known] = {}

    def states(self, now: float) -> tuple[MaintenanceState, ...]:
        """Where each stands at Unix seconds `now`, in the order of the configuration."""
        return tuple(self._state(window, now) for window in self._windows)

    def on(self, now: float) -> tuple[MaintenanceState, ...]:
        """Those that are on at Unix seconds `now`."""
        return tuple(state for state in self.states(now) if state.is_on)

    def _state(self, window: Maintenance, now: float) -> MaintenanceState:
        known = self._known.get(window.name)
        if known is None or not known.since <= now < known.until:
            known = self._known[window.name] = _known(window, now)
        return known.state


def _known(window: Maintenance, now: float) -> _Known:
    last = next(_begins(window, now, is_reverse=True), None)
    if last is None or last + window.duration_s <= now:
        following = next(_begins(window, now), None)
        since = -math.inf if last is None else last + window.duration_s
        until = math.inf if following is None else following
        return _Known(MaintenanceState(window, None, None, following), since, until)
    began_at, ends_at, following = _joined(window, last)
    return _Known(MaintenanceState(window, began_at, ends_at, following), last, last + window.duration_s)


def _joined(window: Maintenance, last: float) -> tuple[float, float | None, float | None]:
    """Of the window that holds `last`: its begin, its end, and the begin of the one after it.

    One that begins anew before it ends is one window.
    """
    began_at = last
    for number, earlier in enumerate(_begins(window, last - 1, is_reverse=True)):
        if earlier + window.duration_s < began_at:
            break
        if number > _MOST_JOINED:
            return began_at, None, None
        began_at = earlier
    ends_at = last + window.duration_s
    for number, later in enumerate(_begins(window, last)):
        if later > ends_at:
            return began_at, ends_at, later
        if number > _MOST_JOINED:
            return began_at, None, None
        ends_at = later + window.duration_s
    return began_at, ends_at, None


def _begins(window: Maintenance, now: float, *, is_reverse: bool = False) -> Iterator[float]:
    """When it begins after `now`, in order; or when it began until then, the last one first: Unix seconds."""
    begin = _first_asked(window, now + _SHIFT_S if is_reverse else now - _SHIFT_S, is_reverse=is_reverse)
    for moment in CronSim(window.schedule, begin, reverse=is_reverse):
        if (window.last_day and moment.date() > window.last_day and not is_reverse) or (
            window.first_day and moment.date() < window.first_day and is_reverse
        ):
            return
        at = moment.astimezone(UTC).timestamp()
        if _is_within(window, moment) and (at <= now if is_reverse else at > now):
            yield at


def _first_asked(window: Maintenance, at: float, *, is_reverse: bool) -> datetime:
    """Where to begin to look: no earlier, or later, than the days on which it may begin."""
    begin = datetime.fromtimestamp(math.floor(at), window.zone)
    if is_reverse and window.last_day is not None:
        return min(begin, datetime.combine(window.last_day + _DAY, time(), window.zone))
    if not is_reverse and window.first_day is not None:
        return max(begin, datetime.combine(window.first_day - _DAY, time(), window.zone))
    return begin


def _is_within(window: Maintenance, moment: datetime) -> bool:
    day = moment.date()
    return (window.first_day is None or day >= window.first_day) and (window.last_day is None or day <= window.last_day)
