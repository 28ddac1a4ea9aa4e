"""What keeps a notice from its receiver."""

from lapbell_evaluator.model import EvaluatorError

__all__ = ["DeliveryError", "RefusedError"]


class DeliveryError(EvaluatorError):
    """The receiver did not take the notices; they are sent again later."""


class RefusedError(DeliveryError):
    """The receiver will not take them as they are: to send the same again at once would be in vain."""
