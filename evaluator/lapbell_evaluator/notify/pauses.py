"""How long a receiver is left alone after an error."""

from typing import Final

from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.notify.errors import DeliveryError, DeniedError, DoubtfulError

__all__ = ["pause_s"]

_DENIED_PAUSE_S: Final = 60.0
_LONGEST_ASKED_PAUSE_S: Final = 300.0


def pause_s(error: EvaluatorError, usual_s: float) -> float:
    """Seconds: as it asks, five minutes at most; a minute where a person has to mend it.

    Args:
        error: what went wrong.
        usual_s: the pause if nobody asks for more.
    """
    if isinstance(error, DeniedError) or (isinstance(error, DoubtfulError) and error.may_be_configuration):
        usual_s = _DENIED_PAUSE_S
    asked_s = error.retry_after_s if isinstance(error, DeliveryError) else None
    return max(usual_s, min(asked_s or 0.0, _LONGEST_ASKED_PAUSE_S))
