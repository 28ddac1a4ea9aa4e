"""What of the configuration each receiver of the list is given."""

from collections.abc import Callable
from pathlib import Path

from lapbell_evaluator.config import (
    AppriseSettings,
    DiscordSettings,
    OtlpSettings,
    PagerDutySettings,
    Settings,
    SlackSettings,
    WebhookSettings,
    apprise_url,
    chat_url,
    otlp_headers,
    routing_key,
    webhook_target,
)
from lapbell_evaluator.config import Receiver as ReceiverSettings
from lapbell_evaluator.messages import Composer, MessageTemplate, read_template
from lapbell_evaluator.model import Incident
from lapbell_evaluator.notify import (
    NO_ALERTS,
    AlertsNow,
    AppriseTarget,
    Destination,
    DiscordTarget,
    MessageReceiver,
    OtlpTarget,
    PagerDutyTarget,
    ReceiverLink,
    Signal,
    SlackTarget,
    Target,
    WebhookTarget,
    no_link,
)
from lapbell_evaluator.room_settings import external_url, trace_url

__all__ = ["message_receivers", "message_target"]


def message_receivers(
    settings: Settings, acknowledge_url: Callable[[Incident, str], str | None], alerts: AlertsNow
) -> tuple[MessageReceiver, ...]:
    """The receivers of messages, in the order of the list.

    Args:
        settings: the configuration.
        acknowledge_url: gives the link for an incident in a message to a receiver, or None.
        alerts: as they are now.

    Raises:
        EvaluatorError: a file can't be read or used.
    """
    return tuple(
        MessageReceiver(each.policy(), message_target(settings, each, ReceiverLink(acknowledge_url, each.name), alerts))
        for each in settings.receivers
    )


def message_target(
    settings: Settings,
    receiver: ReceiverSettings,
    link: Callable[[Incident], str | None] = no_link,
    alerts: AlertsNow = NO_ALERTS,
) -> Target:
    """Where messages to a receiver go.

    Args:
        settings: the configuration.
        receiver: one of it.
        link: by which a person takes an incident; None if there is none.
        alerts: as they are now.

    Raises:
        EvaluatorError: a file can't be read or used.
    """
    name, own, traces = receiver.name, external_url(settings), trace_url(settings)
    composer = Composer(own, traces, receiver.zone(), link)
    match receiver.told_by:
        case WebhookSettings() as webhook:
            url, headers = webhook_target(name, webhook)
            return WebhookTarget(name, url, headers, webhook.timeout, own, traces, link)
        case SlackSettings() as slack:
            return SlackTarget(name, chat_url(slack), composer, slack.timeout, _template(slack.template))
        case DiscordSettings() as discord:
            return DiscordTarget(name, chat_url(discord), composer, discord.timeout, _template(discord.template))
        case PagerDutySettings() as pager:
            return PagerDutyTarget(name, routing_key(pager), composer, pager.url, pager.timeout)
        case AppriseSettings() as apprise:
            template = None if apprise.template is None else read_template(apprise.template)
            return AppriseTarget(name, apprise_url(apprise), composer, apprise.timeout, template)
        case OtlpSettings() as otlp:
            signals = frozenset(map(Signal, otlp.signals))
            return OtlpTarget(_endpoint(name, otlp), signals, receiver.policy().matchers, alerts)


def _endpoint(name: str, otlp: OtlpSettings) -> Destination:
    return Destination(
        otlp.endpoint,
        otlp.protocol,
        otlp_headers(name, otlp),
        otlp.timeout,
        otlp.ca_file,
        otlp.client_certificate_file,
        otlp.client_key_file,
        setting=f"receivers, {name}",
    )


def _template(file: Path | None) -> MessageTemplate | None:
    return None if file is None else read_template(file)[1]
