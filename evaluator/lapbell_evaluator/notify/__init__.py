"""Telling receivers what happened to incidents."""

from lapbell_evaluator.notify.delivery import Delivery, Outbox, Receiver
from lapbell_evaluator.notify.errors import DeliveryError
from lapbell_evaluator.notify.otlp import AlertCount, Destination, OtlpReceiver
from lapbell_evaluator.notify.own_metrics import OwnMetrics

__all__ = ["AlertCount", "Delivery", "DeliveryError", "Destination", "OtlpReceiver", "Outbox", "OwnMetrics", "Receiver"]
