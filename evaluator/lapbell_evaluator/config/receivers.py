"""Who is told of alerts: the list `receivers` of `lapbell.yaml`."""

from datetime import time
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from lapbell_evaluator.alerts import parse_matchers
from lapbell_evaluator.config.receiver_kinds import (
    AppriseSettings,
    DiscordSettings,
    OtlpSettings,
    PagerDutySettings,
    SlackSettings,
    WebhookSettings,
)
from lapbell_evaluator.config.section import LabelName, Matcher, Section
from lapbell_evaluator.model import QuietHours, ReceiverPolicy

__all__ = ["Receiver"]

_KINDS: Final = ("webhook", "slack", "discord", "pagerduty", "apprise", "otlp")
"""What a receiver may be told by."""

_RESERVED: Final = "otlp"
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def _is_not_reserved(name: str) -> str:
    if name == _RESERVED:
        raise ValueError(f"{_RESERVED} is what export.endpoint is called: take another name")
    return name


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone: write one such as Europe/Berlin or UTC") from None
    return name


Kind = WebhookSettings | SlackSettings | DiscordSettings | PagerDutySettings | AppriseSettings | OtlpSettings
_OF_MESSAGES: Final = frozenset(
    {"after", "group_by", "group_interval", "group_wait", "quiet_hours", "repeat_interval", "send_resolved"}
)
ReceiverName = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$"), AfterValidator(_is_not_reserved)]
Wait = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
TimeZone = Annotated[str, AfterValidator(_is_zone)]


class Quiet(Section):
    """A part of the day in which a receiver is told nothing; what is still there afterwards is told then."""

    begin: time = Field(description="Local time, such as 22:00.")
    end: time = Field(description="Local time; the next day if it is before `begin`.")
    weekdays: tuple[Weekday, ...] = Field(
        default=("mon", "tue", "wed", "thu", "fri", "sat", "sun"), description="The days on which it begins."
    )

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.begin == self.end or not self.weekdays:
            raise ValueError("quiet hours begin and end at different times, on one weekday at least")
        return self

    def hours(self, zone: ZoneInfo) -> QuietHours:
        """The same in a time zone."""
        return QuietHours(self.begin, self.end, frozenset(map(_DAYS.index, self.weekdays)), zone)


class Receiver(Section):
    """One receiver, of what it is told, and when."""

    name: ReceiverName
    webhook: WebhookSettings | None = Field(default=None, description="If it is told by a webhook.")
    slack: SlackSettings | None = Field(default=None, description="If it is a channel of Slack.")
    discord: DiscordSettings | None = Field(default=None, description="If it is a channel of Discord.")
    pagerduty: PagerDutySettings | None = Field(default=None, description="If it is told by PagerDuty.")
    apprise: AppriseSettings | None = Field(default=None, description="If it is told by Apprise.")
    otlp: OtlpSettings | None = Field(default=None, description="If it is told every move by OTLP.")
    matchers: tuple[Matcher, ...] = Field(default=(), description="All must hold; it is told of everything otherwise.")
    after: Wait = Field(
        default=0.0,
        description="Seconds: it is told only of what nobody has acknowledged so long after it fired; 0: at once.",
    )
    group_by: tuple[LabelName, ...] = Field(
        default=(),
        description="Incidents with the same values of these labels are told together; each for itself otherwise, and"
        " those of one storm together.",
    )
    group_wait: Wait = Field(default=0.0, description="Seconds from the first incident of a group to its message.")
    group_interval: Wait = Field(
        default=60.0, description="Seconds between two messages about a group; what gets worse is told at once."
    )
    repeat_interval: Annotated[float, Field(ge=60, le=31_536_000, allow_inf_nan=False)] = Field(
        default=14_400.0, description="Seconds until what still fires, and nobody has taken, is told again."
    )
    send_resolved: bool = Field(default=True, description="Whether it is told of ends.")
    quiet_hours: tuple[Quiet, ...] = Field(default=(), description="When it is told nothing.")
    time_zone: TimeZone = Field(
        default="UTC", description="Of the quiet hours and of times in messages, such as Europe/Berlin."
    )

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            kinds = f"{', '.join(_KINDS[:-1])} or {_KINDS[-1]}"
            raise ValueError(f"is told by {' and '.join(given) or 'nothing'}: give one of {kinds}")
        return self

    @model_validator(mode="after")
    def _is_told_every_move_or_messages(self) -> Self:
        given = sorted(self.model_fields_set & _OF_MESSAGES) if self.otlp is not None else ()
        if given:
            raise ValueError(f"otlp is told every move at once: leave out {', '.join(given)}")
        return self

    @property
    def told_by(self) -> Kind:
        """The section of its kind."""
        sections = (self.webhook, self.slack, self.discord, self.pagerduty, self.apprise, self.otlp)
        return next(section for section in sections if section is not None)

    def zone(self) -> ZoneInfo:
        """Whose times it is told."""
        return ZoneInfo(self.time_zone)

    def policy(self) -> ReceiverPolicy:
        """How it wants to be told."""
        zone = self.zone()
        return ReceiverPolicy(
            name=self.name,
            matchers=tuple(matcher for text in self.matchers for matcher in parse_matchers(text)),
            group_by=self.group_by,
            group_wait_s=self.group_wait,
            group_interval_s=self.group_interval,
            repeat_interval_s=self.repeat_interval,
            send_resolved=self.send_resolved,
            quiet_hours=tuple(quiet.hours(zone) for quiet in self.quiet_hours),
            hears_acknowledgements=self.pagerduty is not None,
            hears_every_move=self.otlp is not None,
            after_s=self.after,
        )
