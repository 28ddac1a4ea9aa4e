"""When nobody is told of some alerts, again and again: the list `maintenance` of `lapbell.yaml`."""

from datetime import date
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from lapbell_evaluator.alerts import MaintenanceError, check_maintenance, parse_matchers
from lapbell_evaluator.config.receivers import TimeZone
from lapbell_evaluator.config.section import Matcher, Section
from lapbell_evaluator.model import LabelMatcher, Maintenance

__all__ = ["MaintenanceWindow"]

_WEEK_S: Final = 604_800.0
Day = Annotated[date, Field(ge=date(1971, 1, 1), le=date(2999, 12, 31))]
"""Far enough from where the calendar ends for its days to be reckoned with."""


class MaintenanceWindow(Section):
    """A window that recurs, in which nobody is told of what matches; what still fires when it ends is told then."""

    name: Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$")]
    matchers: tuple[Matcher, ...] = Field(min_length=1, description="Alerts for which all of them hold are muted.")
    schedule: Annotated[str, StringConstraints(max_length=200)] = Field(
        description="When it begins: minute, hour, day, month, weekday as cron has them, such as `0 3 * * SUN`, or"
        " `0 22 * * FRI#1` for the first Friday of the month."
    )
    duration: Annotated[float, Field(ge=60, le=_WEEK_S, allow_inf_nan=False)] = Field(
        description="Seconds that it lasts each time; they pass on days on which clocks are set as on others."
    )
    time_zone: TimeZone = Field(default="UTC", description="Of the schedule, such as Europe/Berlin.")
    first_day: Day | None = Field(default=None, description="The first day on which it may begin.")
    last_day: Day | None = Field(default=None, description="The last one.")
    comment: Annotated[str, StringConstraints(max_length=500)] = Field(default="", description="Why, for people.")

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        try:
            check_maintenance(self.schedule, self._matchers())
        except MaintenanceError as error:
            raise ValueError(str(error)) from None
        if self.first_day is not None and self.last_day is not None and self.last_day < self.first_day:
            raise ValueError("last_day is before first_day")
        return self

    def window(self) -> Maintenance:
        """The window that it is."""
        return Maintenance(
            name=self.name,
            matchers=self._matchers(),
            schedule=self.schedule,
            duration_s=self.duration,
            zone=ZoneInfo(self.time_zone),
            first_day=self.first_day,
            last_day=self.last_day,
            comment=self.comment,
        )

    def _matchers(self) -> tuple[LabelMatcher, ...]:
        return tuple(matcher for text in self.matchers for matcher in parse_matchers(text))
