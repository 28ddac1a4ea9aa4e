"""Values in: `lapbell.yaml` and the environment, checked once at the gate."""

from lapbell_evaluator.config.data_folder import private_data_dir
from lapbell_evaluator.config.load import ConfigError, load
from lapbell_evaluator.config.receiver_kinds import (
    AppriseSettings,
    DiscordSettings,
    OtlpSettings,
    PagerDutySettings,
    SlackSettings,
    WebhookSettings,
)
from lapbell_evaluator.config.receiver_secrets import (
    apprise_url,
    chat_url,
    heartbeat_url,
    otlp_headers,
    routing_key,
    webhook_target,
)
from lapbell_evaluator.config.receivers import Receiver
from lapbell_evaluator.config.secret_file import is_lax
from lapbell_evaluator.config.settings import (
    Export,
    Settings,
    Thresholds,
)
from lapbell_evaluator.config.tokens import (
    acknowledge_key,
    admin_token_file,
    database_url,
    export_headers,
    read_tokens,
    refuse_open_gates,
)

__all__ = [
    "AppriseSettings",
    "ConfigError",
    "DiscordSettings",
    "Export",
    "OtlpSettings",
    "PagerDutySettings",
    "Receiver",
    "Settings",
    "SlackSettings",
    "Thresholds",
    "WebhookSettings",
    "acknowledge_key",
    "admin_token_file",
    "apprise_url",
    "chat_url",
    "database_url",
    "export_headers",
    "heartbeat_url",
    "is_lax",
    "load",
    "otlp_headers",
    "private_data_dir",
    "read_tokens",
    "refuse_open_gates",
    "routing_key",
    "webhook_target",
]
