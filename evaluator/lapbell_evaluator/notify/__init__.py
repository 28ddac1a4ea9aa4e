"""Notifies receivers of what happened to incidents."""

from lapbell_evaluator.notify.alertmanager import Alertmanager
from lapbell_evaluator.notify.delivery import Delivery
from lapbell_evaluator.notify.errors import DeliveryError, RefusedError
from lapbell_evaluator.notify.otlp import AlertCount, Destination, OtlpReceiver
from lapbell_evaluator.notify.own_metrics import OwnMetrics
from lapbell_evaluator.notify.progress import Progress

__all__ = [
    "AlertCount",
    "Alertmanager",
    "Delivery",
    "DeliveryError",
    "Destination",
    "OtlpReceiver",
    "OwnMetrics",
    "Progress",
    "RefusedError",
]
