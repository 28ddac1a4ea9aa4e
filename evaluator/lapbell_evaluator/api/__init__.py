"""The REST gate."""

from lapbell_evaluator.api.access import Access, requires
from lapbell_evaluator.api.ask import Querier
from lapbell_evaluator.api.build import Neighbours, rest_app
from lapbell_evaluator.api.health import Readiness
from lapbell_evaluator.api.performance import AlertDesk, Recent
from lapbell_evaluator.api.schemas import RecentOperation, RecentTiming
from lapbell_evaluator.api.webhooks import Targets
from lapbell_evaluator.api.window import Scope

__all__ = [
    "Access",
    "AlertDesk",
    "Neighbours",
    "Querier",
    "Readiness",
    "Recent",
    "RecentOperation",
    "RecentTiming",
    "Scope",
    "Targets",
    "requires",
    "rest_app",
]
