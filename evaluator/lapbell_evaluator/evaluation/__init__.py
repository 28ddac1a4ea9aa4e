"""Rules evaluated when they are due, the life of their alerts, what people read of them."""

from lapbell_evaluator.evaluation.evaluation import Evaluation
from lapbell_evaluator.evaluation.needs import Querier, Witness

__all__ = ["Evaluation", "Querier", "Witness"]
