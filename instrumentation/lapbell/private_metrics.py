"""Metrics as they may leave: no series is named by a secret, an address or a number of somebody."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, ResourceMetrics, ScopeMetrics

from lapbell.privacy import without_personal_attributes
from lapbell.unsent import merged_point

__all__ = ["without_personal_series"]

_SCALARS: Final = frozenset({str, int, float, bool})
_SERVER: Final = "http.server."
"""The address of what serves is the Host header there, which the sender writes."""


def without_personal_series(data: MetricsData) -> MetricsData:
    """The metrics with attributes as they may leave; series that are told apart by what may not leave become one."""
    if all(_is_clean(metric) for of in data.resource_metrics for in_ in of.scope_metrics for metric in in_.metrics):
        return data
    return MetricsData(
        [
            ResourceMetrics(
                of.resource,
                [
                    ScopeMetrics(in_.scope, [_private(metric) for metric in in_.metrics], in_.schema_url)
                    for in_ in of.scope_metrics
                ],
                of.schema_url,
            )
            for of in data.resource_metrics
        ]
    )


def _is_clean(metric: Metric) -> bool:
    return all(
        _is_clean_series(point.attributes or {}, metric.name.startswith(_SERVER))
        and not any(exemplar.filtered_attributes for exemplar in point.exemplars)
        for point in metric.data.data_points
    )


def _is_clean_series(attributes: Mapping[str, Any], server: bool) -> bool:  # noqa: FBT001 - passed on
    are_hashable = all(value.__class__ in _SCALARS for value in attributes.values())
    return are_hashable and _are_clean(tuple(attributes.items()), server)


@functools.lru_cache(maxsize=8_192)
def _are_clean(attributes: tuple[tuple[str, Any], ...], server: bool) -> bool:  # noqa: FBT001 - a cache's key
    return dict(attributes) == without_personal_attributes(dict(attributes), server=server)


def _private(metric: Metric) -> Metric:
    if _is_clean(metric):
        return metric
    data: Any = metric.data  # of any kind: its points are of the same
    series: dict[frozenset[tuple[str, object]], Any] = {}
    for point in data.data_points:
        attributes = without_personal_attributes(point.attributes, server=metric.name.startswith(_SERVER))
        private = dataclasses.replace(point, attributes=attributes, exemplars=list(_unnamed(point.exemplars)))
        key = frozenset((name, str(value)) for name, value in attributes.items())
        is_second = key in series and not isinstance(data, Gauge)
        series[key] = merged_point(series[key], private) if is_second else private
    return dataclasses.replace(metric, data=dataclasses.replace(data, data_points=list(series.values())))


def _unnamed(exemplars: Sequence[Any]) -> Iterable[Any]:
    """Exemplars without the attributes that a View took from the series."""
    return (dataclasses.replace(exemplar, filtered_attributes={}) for exemplar in exemplars)
