"""The names that our metrics and attributes have in PromQL.

Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md; the receiver translates alike.
"""

from typing import Final

__all__ = ["SECONDS", "label", "metric"]

SECONDS: Final = "_seconds"


def label(attribute: str) -> str:
    """The label of an attribute: `http.route` is `http_route`."""
    return attribute.replace(".", "_")


def metric(name: str, suffix: str = "") -> str:
    """The name of a metric, with the suffix of its unit: `webhook.request.duration` in s is `…_duration_seconds`."""
    return name.replace(".", "_") + suffix
