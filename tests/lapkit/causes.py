"""What `causes_app` and the tests that start it agree on: whoever imports an app sets up telemetry in the test."""

from typing import Final

from lapbell import semconv

__all__ = ["OTHERS", "PHASES"]

PHASES: Final = (
    semconv.PHASE_VALIDATION,
    semconv.PHASE_SIGNATURE_VALIDATION,
    semconv.PHASE_CACHE_LOOKUP,
    semconv.PHASE_TASK_QUEUING,
    semconv.PHASE_RESPONSE_PREPARATION,
)
OTHERS: Final = ("other", "two_at_once", "one_of_ten", "all")
