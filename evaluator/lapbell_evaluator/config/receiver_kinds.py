"""What a receiver may be told by: a section for each kind."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

import re2
from pydantic import AfterValidator, Field, model_validator

from lapbell_evaluator.config.section import HttpUrl, Seconds, Section
from lapbell_evaluator.messages import MessageTemplateError, read_template

__all__ = [
    "AppriseSettings",
    "AppriseUrl",
    "DiscordSettings",
    "OtlpSettings",
    "PagerDutySettings",
    "SlackSettings",
    "WebhookSettings",
]


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


class OtlpSettings(Section):
    """An OTLP endpoint beside that of `export`: every move as a log record, and how many alerts there are."""

    endpoint: HttpUrl = Field(
        description="Such as https://otlp.example.com:4317; never a gate of the evaluator itself."
    )
    protocol: Literal["grpc", "http/protobuf"] = "grpc"
    headers_file: Path | None = Field(default=None, description="Lines of `name: value`, sent with each request.")
    ca_file: Path | None = Field(default=None, description="Certificates that are trusted, in PEM.")
    client_certificate_file: Path | None = Field(default=None, description="Ours, in PEM.")
    client_key_file: Path | None = Field(default=None, description="Its key, in PEM.")
    timeout: Seconds = Field(default=5.0, description="Seconds for one request.")
    signals: Annotated[tuple[Literal["logs", "metrics"], ...], Field(min_length=1)] = Field(
        default=("logs", "metrics"), description="What it is sent of logs and metrics."
    )
