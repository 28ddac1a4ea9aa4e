"""Notifies receivers of what happened to incidents."""

from lapbell_evaluator.notify.alertmanager import Alertmanager
from lapbell_evaluator.notify.alerts_metric import AlertCount
from lapbell_evaluator.notify.apprise import AppriseTarget
from lapbell_evaluator.notify.delivery import Delivery
from lapbell_evaluator.notify.discord import DiscordTarget
from lapbell_evaluator.notify.errors import (
    DeliveryError,
    DeniedError,
    DoubtfulError,
    PartlyRefusedError,
    RefusedError,
)
from lapbell_evaluator.notify.grouping import Grouping
from lapbell_evaluator.notify.heartbeat import Heartbeat
from lapbell_evaluator.notify.otlp import OtlpReceiver
from lapbell_evaluator.notify.otlp_client import Destination, Signal
from lapbell_evaluator.notify.otlp_target import NO_ALERTS, AlertsNow, OtlpTarget
from lapbell_evaluator.notify.own_metrics import OwnMetrics
from lapbell_evaluator.notify.pagerduty import PagerDutyTarget
from lapbell_evaluator.notify.progress import Progress
from lapbell_evaluator.notify.receiver_link import ReceiverLink, no_link
from lapbell_evaluator.notify.receivers import MessageReceiver, Receivers
from lapbell_evaluator.notify.routing import Route, Router
from lapbell_evaluator.notify.slack import SlackTarget
from lapbell_evaluator.notify.target import Target
from lapbell_evaluator.notify.webhook import Webhook, WebhookTarget

__all__ = [
    "NO_ALERTS",
    "AlertCount",
    "Alertmanager",
    "AlertsNow",
    "AppriseTarget",
    "Delivery",
    "DeliveryError",
    "DeniedError",
    "Destination",
    "DiscordTarget",
    "DoubtfulError",
    "Grouping",
    "Heartbeat",
    "MessageReceiver",
    "OtlpReceiver",
    "OtlpTarget",
    "OwnMetrics",
    "PagerDutyTarget",
    "PartlyRefusedError",
    "Progress",
    "ReceiverLink",
    "Receivers",
    "RefusedError",
    "Route",
    "Router",
    "Signal",
    "SlackTarget",
    "Target",
    "Webhook",
    "WebhookTarget",
    "no_link",
]
