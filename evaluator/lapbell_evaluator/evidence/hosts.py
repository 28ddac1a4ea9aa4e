"""Which machine an alert is about."""

from collections.abc import Mapping
from typing import Final

from lapbell import semconv
from lapbell_evaluator.evidence.questions import selector, sum_of
from lapbell_evaluator.model import HostEvidence
from lapbell_evaluator.model.prometheus_names import label
from lapbell_evaluator.promql import InstantQuerier

__all__ = ["host_evidence"]

_NAMES: Final = tuple(map(label, (semconv.HOST_NAME, semconv.HOST_ID, semconv.CONTAINER_ID)))
_JOB: Final = "job"
_INSTANCE: Final = "instance"
_TARGET_INFO: Final = "target_info"
_SHOWN: Final = 10


async def host_evidence(querier: InstantQuerier, labels: Mapping[str, str], at: float) -> HostEvidence:
    """The machine by the alert's own labels, and what its senders say of themselves.

    Args:
        querier: where the metrics are.
        labels: of the alert.
        at: Unix seconds of now.
    """
    own = {name: labels[name] for name in (*_NAMES, _JOB, _INSTANCE) if labels.get(name)}
    senders = await sum_of(
        querier, f"max by ({_JOB}, {', '.join(_NAMES)}) ({_TARGET_INFO}{selector(own)})", (_JOB, *_NAMES), at
    )
    name, host_id, container = (
        own.get(key) or _only({row[number] for row in senders}) for number, key in enumerate(_NAMES, start=1)
    )
    services = sorted({row[0] for row in senders if row[0]} | ({own[_JOB]} if _JOB in own else set()))
    return HostEvidence(name, host_id, container, tuple(services[:_SHOWN]))


def _only(values: set[str]) -> str:
    """The one value that there is; empty if there are several, or none."""
    return next(iter(values)) if len(values) == 1 else ""
