"""Rules evaluated when they are due, the life of their alerts, what people read of them."""

from lapbell_evaluator.evaluation.alert_notifier import AlertNotifier, AlertReceiver
from lapbell_evaluator.evaluation.alert_service import AlertService
from lapbell_evaluator.evaluation.evaluation import Evaluation
from lapbell_evaluator.evaluation.external_alerts import ExternalAlerts, InvalidAlertError
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.evaluation.ports import EvidenceCollector, Querier
from lapbell_evaluator.evaluation.recorder import Recorder

__all__ = [
    "AlertNotifier",
    "AlertReceiver",
    "AlertService",
    "Evaluation",
    "EvidenceCollector",
    "ExternalAlerts",
    "InvalidAlertError",
    "Muting",
    "Querier",
    "Recorder",
]
