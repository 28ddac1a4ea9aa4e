"""Which samples a breach comes from: when they were made, and when they arrived."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lapbell_evaluator.evaluation.ports import Arrivals, Origins
from lapbell_evaluator.model import EvaluatorError, Labels
from lapbell_evaluator.promql import Expr

__all__ = ["NOT_KNOWN", "Moments", "Provenance"]

_log: Final = logging.getLogger(__name__)

Moments = tuple[float | None, float | None]
"""Unix seconds of a sample, and of its arrival."""

NOT_KNOWN: Final[Moments] = (None, None)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Asks for all breaches of a rule at once.

    Attributes:
        origins: knows the samples; None with a querier that can't say, such as another server.
        arrivals: knows when they arrived; None if that is not recorded.
    """

    origins: Origins | None = None
    arrivals: Arrivals | None = None

    async def of(self, expr: Expr, series: Sequence[Labels], at: float) -> Sequence[Moments]:
        """The newest sample behind each series of the value of `expr`, and its arrival.

        Args:
            expr: what breaches.
            series: labels of the breaching samples.
            at: Unix seconds of the evaluation.
        """
        if self.origins is None or not series:
            return [NOT_KNOWN] * len(series)
        try:
            samples = await self.origins.origins(expr, series, at)
        except EvaluatorError as error:  # an alert does not wait for its timeline
            _log.warning("The first bad samples of %d alerts are not known: %s", len(series), error)
            return [NOT_KNOWN] * len(series)
        arrived = [None] * len(series) if self.arrivals is None else self.arrivals.received_at(samples)
        sampled = (None if sample is None else sample.time for sample in samples)
        return list(zip(sampled, arrived, strict=True))
