"""The span processor that turns spans into the statistics of webhooks."""

from lapbell.processor.processor import WebhookProcessor
from lapbell.processor.redis_span import redis_metric_attributes
from lapbell.processor.rules import ProviderOf, Rules
from lapbell.processor.sampling import TailRule, sampler
from lapbell.processor.webhook import Statistics

__all__ = [
    "ProviderOf",
    "Rules",
    "Statistics",
    "TailRule",
    "WebhookProcessor",
    "redis_metric_attributes",
    "sampler",
]
