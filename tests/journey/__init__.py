"""The whole way of a webhook, with processes of its own for everything that has one in production."""

from journey.plan import PHASES, Plan, quantile, spread
from journey.provider import ROUTE, Answer, Provider
from journey.stage import TOKEN, Evaluator, Service, evaluator, webhook_app, worker

__all__ = [
    "PHASES",
    "ROUTE",
    "TOKEN",
    "Answer",
    "Evaluator",
    "Plan",
    "Provider",
    "Service",
    "evaluator",
    "quantile",
    "spread",
    "webhook_app",
    "worker",
]
