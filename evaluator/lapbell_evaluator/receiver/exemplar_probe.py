"""Whether an export of metrics holds exemplars at all, told without a look at its points: most exports hold none."""

from typing import Final, Protocol, cast

from google.protobuf.message import DecodeError

from lapbell_evaluator.receiver.messages import Message
from lapbell_evaluator.receiver.schema import message_classes

__all__ = ["holds_exemplars"]

_SCHEMA: Final = {
    "Export": {"resource_metrics": (1, "Resources")},
    "Resources": {"scope_metrics": (2, "Scopes")},
    "Scopes": {"metrics": (2, "Metrics")},
    "Metrics": {
        "gauge": (5, "Numbers"),
        "sum": (7, "Numbers"),
        "histogram": (9, "Histograms"),
        "exponential_histogram": (10, "Exponentials"),
    },
    "Numbers": {"data_points": (1, "NumberPoints")},
    "Histograms": {"data_points": (1, "HistogramPoints")},
    "Exponentials": {"data_points": (1, "ExponentialPoints")},
    "NumberPoints": {"exemplars": (5, "bytes")},
    "HistogramPoints": {"exemplars": (8, "bytes")},
    "ExponentialPoints": {"exemplars": (11, "bytes")},
}
"""Nothing is declared as repeated: protobuf merges what comes several times, so that all points fall into one.

Source: protobuf encoding, "Last One Wins".
"""


class _Kind(Protocol):
    data_points: Message


class _Metrics(Protocol):
    gauge: _Kind
    sum: _Kind
    histogram: _Kind
    exponential_histogram: _Kind


class _Scopes(Protocol):
    metrics: _Metrics


class _Resources(Protocol):
    scope_metrics: _Scopes


class _Export(Message, Protocol):
    resource_metrics: _Resources


_EXPORT: Final = cast("type[_Export]", message_classes("lapbell.probe", _SCHEMA)["Export"])


def holds_exemplars(body: bytes) -> bool:
    """Whether any point of an `ExportMetricsServiceRequest` has an exemplar; False where the bytes are none."""
    try:
        metrics = _EXPORT.FromString(body).resource_metrics.scope_metrics.metrics
    except DecodeError:
        return False
    kinds = (metrics.histogram, metrics.exponential_histogram, metrics.sum, metrics.gauge)
    return any(kind.data_points.HasField("exemplars") for kind in kinds)
