"""Reads what is secret of receivers: where they are, and what proves that we may tell them."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from lapbell_evaluator.config.heartbeat import HeartbeatSettings
from lapbell_evaluator.config.load import ConfigError
from lapbell_evaluator.config.receiver_kinds import (
    AppriseSettings,
    AppriseUrl,
    DiscordSettings,
    OtlpSettings,
    PagerDutySettings,
    SlackSettings,
    WebhookSettings,
)
from lapbell_evaluator.config.secret_file import read_secret
from lapbell_evaluator.config.section import HttpUrl
from lapbell_evaluator.config.tokens import read_headers

__all__ = ["apprise_url", "chat_url", "heartbeat_url", "otlp_headers", "routing_key", "webhook_target"]

_HTTP: Final[TypeAdapter[str]] = TypeAdapter(HttpUrl)
_APPRISE: Final[TypeAdapter[str]] = TypeAdapter(AppriseUrl)


def webhook_target(name: str, webhook: WebhookSettings) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The URL of a receiver's webhook, and the names and values that are sent with each message.

    Raises:
        ConfigError: a file can't be read, is open to others, or holds no URL.
    """
    headers = read_headers(f"webhook.headers_file of receiver {name}", webhook.headers_file)
    return _url(webhook.url, webhook.url_file, _HTTP, "https://"), headers


def heartbeat_url(heartbeat: HeartbeatSettings) -> str:
    """The URL of a dead man's switch.

    Raises:
        ConfigError: its file can't be read, is open to others, or holds no URL.
    """
    return _url(heartbeat.url, heartbeat.url_file, _HTTP, "https://")


def chat_url(chat: SlackSettings | DiscordSettings) -> str:
    """The URL of a channel's webhook.

    Raises:
        ConfigError: its file can't be read, is open to others, or holds no URL.
    """
    return _url(chat.url, chat.url_file, _HTTP, "https://")


def apprise_url(apprise: AppriseSettings) -> str:
    """Apprise's URL of a service.

    Raises:
        ConfigError: its file can't be read, is open to others, or holds no URL.
    """
    return _url(apprise.url, apprise.url_file, _APPRISE, "the name of a service and ://")


def routing_key(pagerduty: PagerDutySettings) -> str:
    """The key of an integration of PagerDuty.

    Raises:
        ConfigError: its file can't be read, is open to others, or holds something else.
    """
    key = read_secret(pagerduty.routing_key_file)
    if any(character.isspace() or not character.isprintable() for character in key):
        raise ConfigError(f"{pagerduty.routing_key_file} holds no key.", "Write the key of an integration into it.")
    return key


def otlp_headers(name: str, otlp: OtlpSettings) -> tuple[tuple[str, str], ...]:
    """What is sent with each request to an OTLP receiver: names and values.

    Raises:
        ConfigError: the file can't be read, or is open to others.
    """
    return read_headers(f"otlp.headers_file of receiver {name}", otlp.headers_file)


def _url(url: str | None, file: Path | None, checked: TypeAdapter[str], beginning: str) -> str:
    if file is None:
        return url or ""
    try:
        return checked.validate_python(read_secret(file))
    except ValidationError:
        raise ConfigError(f"{file} holds no URL.", f"Write one that begins with {beginning} into it.") from None
