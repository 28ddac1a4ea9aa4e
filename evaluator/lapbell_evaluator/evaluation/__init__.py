"""Rules evaluated when they are due, the life of their alerts, what people read of them."""

from lapbell_evaluator.evaluation.desk import Desk
from lapbell_evaluator.evaluation.evaluation import Evaluation
from lapbell_evaluator.evaluation.muting import Muting
from lapbell_evaluator.evaluation.needs import Querier, Witness
from lapbell_evaluator.evaluation.posted import Posted, PostedAlertError
from lapbell_evaluator.evaluation.recorder import Recorder
from lapbell_evaluator.evaluation.resends import AlertReceiver, Resends

__all__ = [
    "AlertReceiver",
    "Desk",
    "Evaluation",
    "Muting",
    "Posted",
    "PostedAlertError",
    "Querier",
    "Recorder",
    "Resends",
    "Witness",
]
