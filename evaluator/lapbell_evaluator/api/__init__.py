"""The REST gate."""

from lapbell_evaluator.api.access import Access
from lapbell_evaluator.api.answers import Answers
from lapbell_evaluator.api.build import documented_app, gate, openapi, openapi_text, rest_app
from lapbell_evaluator.api.services import ReceiverNames, Services, Targets
from lapbell_evaluator.api.waiting import waiting_gate

__all__ = [
    "Access",
    "Answers",
    "ReceiverNames",
    "Services",
    "Targets",
    "documented_app",
    "gate",
    "openapi",
    "openapi_text",
    "rest_app",
    "waiting_gate",
]
