"""The span processor that turns spans into the statistics of webhooks."""

from lapbell.processor.open_trace import OpenTrace
from lapbell.processor.processor import WebhookProcessor
from lapbell.processor.rules import Rules
from lapbell.processor.sampling import TailRule, lapbell_sampler

__all__ = ["OpenTrace", "Rules", "TailRule", "WebhookProcessor", "lapbell_sampler"]
