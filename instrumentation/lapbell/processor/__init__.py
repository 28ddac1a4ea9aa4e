"""The span processor that turns spans into the statistics of webhooks, those that still run included."""

from lapbell.processor.active_request import ActiveRequest, current_request, request_of
from lapbell.processor.active_requests import ActiveRequests
from lapbell.processor.processor import WebhookProcessor
from lapbell.processor.redis_span import redis_metric_attributes
from lapbell.processor.rules import Limits, ProviderOf, Rules
from lapbell.processor.sampling import TailRule, sampler
from lapbell.processor.webhook import Statistics

__all__ = [
    "ActiveRequest",
    "ActiveRequests",
    "Limits",
    "ProviderOf",
    "Rules",
    "Statistics",
    "TailRule",
    "WebhookProcessor",
    "current_request",
    "redis_metric_attributes",
    "request_of",
    "sampler",
]
