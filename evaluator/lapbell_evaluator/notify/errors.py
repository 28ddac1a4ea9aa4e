"""What keeps a notice from its receiver."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["DeliveryError"]


class DeliveryError(EvaluatorError):
    """The receiver did not take the notices; they are sent again later."""
