"""Prometheus' API for exemplars: the way of a chart from a slow point to its trace.

Source: prometheus.io/docs/prometheus/latest/querying/api, "Querying exemplars".
"""

from typing import Final

from fastapi import APIRouter, Response

from lapbell_evaluator.api.answers import array, as_json
from lapbell_evaluator.api.prometheus_json import number, success
from lapbell_evaluator.api.prometheus_route import Json, Parameters, get_and_post, prometheus_router, refuse
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import Exemplar, SeriesExemplars
from lapbell_evaluator.promql import VectorSelector, parse, walk

__all__ = ["router"]

_LONG_AGO: Final = 0.0
_FOREVER: Final = 1e11
_MS_PER_S: Final = 1000


def router(services: Services) -> APIRouter:
    """The route of exemplars."""
    routes = prometheus_router(services)

    @get_and_post(routes, "/query_exemplars", required=("query",), optional=("start", "end"))
    async def query_exemplars(parameters: Parameters) -> Response:
        """Exemplars from `start` to `end` of every series that `query` reads."""
        start, end = parameters.time("start", _LONG_AGO), parameters.time("end", _FOREVER)
        if end < start:
            refuse("end timestamp must not be before start timestamp")
        query = parse(parameters.text("query"))
        selectors = [node.matchers for node in walk(query) if isinstance(node, VectorSelector)]
        start_ms, end_ms = round(start * _MS_PER_S), round(end * _MS_PER_S)
        exemplars = services.exemplars
        return await services.answers.written(
            lambda: success(array(map(_series, exemplars.select(selectors, start_ms, end_ms))))
        )

    return routes


def _series(series: SeriesExemplars) -> bytes:
    exemplars = [_exemplar(exemplar) for exemplar in series.exemplars]
    return as_json({"seriesLabels": dict(series.labels), "exemplars": exemplars})


def _exemplar(exemplar: Exemplar) -> Json:
    return {
        "labels": dict(exemplar.labels),
        "value": number(exemplar.value),
        "timestamp": exemplar.time_ms / _MS_PER_S,
    }
