"""Messages by which a template is tried before it is used: one incident, its end, and many."""

from dataclasses import replace
from typing import Final

from lapbell_evaluator.messages.message import ACKNOWLEDGE, Entry, Fact, Link, Message

__all__ = ["SAMPLES"]

_URL: Final = "https://lapbell.example.com/"
_FIRING: Final = Entry(
    headline="critical: /webhooks/example answers slowly, since 02:14 UTC",
    severity="critical",
    status="firing",
    description="12% of the webhooks took over 2s.",
    facts=(
        Fact("value", "12, threshold 5"),
        Fact("traces", links=(Link("0af76519", _URL), Link("b7ad6b7169203331"))),
    ),
    links=(Link(ACKNOWLEDGE, _URL), Link("incident", _URL), Link("runbook", _URL)),
    labels=(("alertname", "WebhookLatency"), ("job", "shop"), ("severity", "critical")),
    annotations=(("summary", "/webhooks/example answers slowly"),),
)
_OVER: Final = replace(
    _FIRING, headline="resolved after 12 min", status="resolved", description="", facts=(), links=(), annotations=()
)
SAMPLES: Final = (
    Message(_FIRING.headline, "critical", "firing", (_FIRING,)),
    Message(_OVER.headline, "critical", "resolved", (_OVER,)),
    Message("critical: 25 alerts", "critical", "firing", (*(_FIRING,) * 9, _OVER), more=15),
)
