"""The REST gate."""

from lapbell_evaluator.api.access import Access, requires
from lapbell_evaluator.api.ask import Querier
from lapbell_evaluator.api.build import Neighbours, openapi, rest_app
from lapbell_evaluator.api.health import Readiness
from lapbell_evaluator.api.performance import AlertDesk
from lapbell_evaluator.api.webhooks import Targets

__all__ = [
    "Access",
    "AlertDesk",
    "Neighbours",
    "Querier",
    "Readiness",
    "Targets",
    "openapi",
    "requires",
    "rest_app",
]
