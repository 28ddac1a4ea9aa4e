"""OTLP payloads for tests, and a store that shows what it was given."""

from otlp_kit.metrics import (
    DELTA,
    NO_RECORDED_VALUE,
    Attributes,
    attributes,
    distribution,
    exemplar,
    gauge,
    histogram,
    metrics_export,
    number,
    resource,
    seen,
    total,
)
from otlp_kit.plain_store import PlainStore
from otlp_kit.traces import span, traces_export

__all__ = [
    "DELTA",
    "NO_RECORDED_VALUE",
    "Attributes",
    "PlainStore",
    "attributes",
    "distribution",
    "exemplar",
    "gauge",
    "histogram",
    "metrics_export",
    "number",
    "resource",
    "seen",
    "span",
    "total",
    "traces_export",
]
