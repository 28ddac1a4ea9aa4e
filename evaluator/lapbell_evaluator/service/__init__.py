"""What people and other servers read of alerts and do about them: views, silences, alerts of others, Alertmanagers."""

from lapbell_evaluator.service.acknowledge_links import (
    AcknowledgeLinks,
    LinkStanding,
    OpenedLink,
    UnknownLinkError,
)
from lapbell_evaluator.service.active_alerts import ActiveAlerts
from lapbell_evaluator.service.alert_notifier import AlertNotifier
from lapbell_evaluator.service.alert_service import AlertService
from lapbell_evaluator.service.dead_letters import DeadLetters
from lapbell_evaluator.service.external_alerts import ExternalAlerts, InvalidAlertError
from lapbell_evaluator.service.muting import Muting
from lapbell_evaluator.service.trace_keeper import TraceKeeper
from lapbell_evaluator.service.trace_library import TraceLibrary

__all__ = [
    "AcknowledgeLinks",
    "ActiveAlerts",
    "AlertNotifier",
    "AlertService",
    "DeadLetters",
    "ExternalAlerts",
    "InvalidAlertError",
    "LinkStanding",
    "Muting",
    "OpenedLink",
    "TraceKeeper",
    "TraceLibrary",
    "UnknownLinkError",
]
