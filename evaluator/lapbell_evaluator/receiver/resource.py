"""From a resource to the labels of its series.

Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, "Resource Attributes".
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lapbell.semconv import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_NAMESPACE
from lapbell_evaluator.model import METRIC_NAME, Labels, labels
from lapbell_evaluator.receiver.names import label_name

__all__ = ["INSTANCE", "JOB", "Target", "merged", "target_of"]

JOB: Final = "job"
INSTANCE: Final = "instance"
TARGET_INFO: Final = "target_info"
_IDENTIFYING: Final = frozenset({SERVICE_NAME, SERVICE_NAMESPACE, SERVICE_INSTANCE_ID})


@dataclass(frozen=True, slots=True)
class Target:
    """Who sends, as Prometheus sees it.

    Attributes:
        own: `job`, `instance` and the promoted resource attributes: on every series of this sender.
        info: labels of its `target_info`; None if the resource says nothing beyond who it is.
    """

    own: Labels
    info: Labels | None


def target_of(pairs: Iterable[tuple[str, str]], promote: frozenset[str] = frozenset(), *, utf8: bool = False) -> Target:
    """The target of a resource's attributes; `promote` names those that every series carries."""
    attributes = dict(pairs)
    name, namespace = attributes.get(SERVICE_NAME, ""), attributes.get(SERVICE_NAMESPACE, "")
    identity = {
        JOB: f"{namespace}/{name}" if namespace and name else name,
        INSTANCE: attributes.get(SERVICE_INSTANCE_ID, ""),
    }
    promoted = merged(((key, value) for key, value in attributes.items() if key in promote), utf8=utf8)
    rest = merged(((key, value) for key, value in attributes.items() if key not in _IDENTIFYING), utf8=utf8)
    has_identity = any(identity.values())
    info = labels(rest | identity | {METRIC_NAME: TARGET_INFO}) if rest and has_identity else None
    return Target(labels(promoted | identity), info)


def merged(pairs: Iterable[tuple[str, str]], *, utf8: bool = False) -> dict[str, str]:
    """Attributes as labels; where two become one label, their values are joined by `;` in the order of their keys."""
    labels: dict[str, str] = {}
    for key, value in sorted(pairs):
        name = label_name(key, utf8=utf8)
        if name:
            labels[name] = f"{labels[name]};{value}" if name in labels else value
    return labels
