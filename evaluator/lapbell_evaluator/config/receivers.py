"""Who is told of alerts: the list `receivers` of `lapbell.yaml`."""

from datetime import time
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import re2
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from lapbell_evaluator.alerts import parse_matchers
from lapbell_evaluator.config.section import HttpUrl, LabelName, Matcher, Seconds, Section
from lapbell_evaluator.messages import MessageTemplateError, read_template
from lapbell_evaluator.model import QuietHours, ReceiverPolicy

__all__ = [
    "AppriseSettings",
    "AppriseUrl",
    "DiscordSettings",
    "PagerDutySettings",
    "Receiver",
    "SlackSettings",
    "TimeZone",
    "WebhookSettings",
]

_KINDS: Final = ("webhook", "slack", "discord", "pagerduty", "apprise")
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


def _is_template(file: Path) -> Path:
    try:
        read_template(file)
    except MessageTemplateError as error:
        raise ValueError(str(error)) from None
    return file


def _ends_with(suffix: str, file: Path) -> Path:
    if file.suffix != suffix:
        raise ValueError(f"takes a template whose name ends with {suffix}")
    return file


def _is_of_apprise(url: str) -> str:
    if not re2.fullmatch(r"[A-Za-z0-9+.-]+://\S+", url):
        raise ValueError("write a URL of Apprise, such as mailtos://user:password@example.com")
    return url


AppriseUrl = Annotated[str, AfterValidator(_is_of_apprise)]
TemplateFile = Annotated[Path, AfterValidator(_is_template)]
PlainTemplate = Annotated[TemplateFile, AfterValidator(partial(_ends_with, ".txt"))]
MarkdownTemplate = Annotated[TemplateFile, AfterValidator(partial(_ends_with, ".md"))]
ReceiverName = Annotated[str, StringConstraints(pattern=r"^[\w.-]{1,64}$"), AfterValidator(_is_not_reserved)]
Wait = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
TimeZone = Annotated[str, AfterValidator(_is_zone)]


class _Reached(Section):
    """What has a URL that may be a secret."""

    url: HttpUrl | None = Field(default=None, description="Where to; it may hold a secret, see `url_file`.")
    url_file: Path | None = Field(default=None, description="A file with the URL, where it is a secret.")
    timeout: Seconds = Field(default=10.0, description="Seconds for one message.")

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise ValueError("give either url or url_file")
        return self


class WebhookSettings(_Reached):
    """Messages are posted as JSON: Alertmanager's payload, with more keys beside it."""

    headers_file: Path | None = Field(default=None, description="Lines of `name: value`, sent with each message.")


class SlackSettings(_Reached):
    """A channel of Slack, by an incoming webhook."""

    template: PlainTemplate | None = Field(default=None, description="A file with a template of messages, .txt.")


class DiscordSettings(_Reached):
    """A channel of Discord, by a webhook."""

    template: MarkdownTemplate | None = Field(default=None, description="A file with a template of messages, .md.")


class AppriseSettings(_Reached):
    """Chat, mail and pagers by Apprise (`pip install 'lapbell[apprise]'`), each of which it knows by a URL."""

    url: AppriseUrl | None = Field(
        default=None, description="Such as mailtos://…; it may hold a secret, see `url_file`."
    )
    timeout: Seconds = Field(default=20.0, description="Seconds for one message.")
    template: TemplateFile | None = Field(
        default=None,
        description="A file with a template of messages: plain text of .txt, Markdown of .md, HTML of .html.",
    )


class PagerDutySettings(Section):
    """PagerDuty's Events API v2, or one that speaks it: one alert for each group, from its beginning to its end."""

    routing_key_file: Path = Field(description="A file with the key of an integration.")
    url: HttpUrl = Field(
        default="https://events.pagerduty.com/v2/enqueue",
        description="Where events are posted to; https://events.eu.pagerduty.com/v2/enqueue in the EU.",
    )
    timeout: Seconds = Field(default=10.0, description="Seconds for one event.")


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

    @property
    def told_by(self) -> WebhookSettings | SlackSettings | DiscordSettings | PagerDutySettings | AppriseSettings:
        """The section of its kind."""
        sections = (self.webhook, self.slack, self.discord, self.pagerduty, self.apprise)
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
            after_s=self.after,
        )
