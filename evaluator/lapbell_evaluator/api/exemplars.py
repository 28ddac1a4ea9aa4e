"""Prometheus' API for exemplars: the way of a chart from a slow point to its trace.

Source: prometheus.io/docs/prometheus/latest/querying/api, "Querying exemplars".
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from lapbell_evaluator.api.ports import Exemplars
from lapbell_evaluator.api.prometheus_json import number, success
from lapbell_evaluator.api.prometheus_route import Parameters, get_and_post, prometheus_router, refuse
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import Exemplar
from lapbell_evaluator.promql import VectorSelector, parse, walk
from lapbell_evaluator.series import Matcher

__all__ = ["router"]

_LONG_AGO: Final = 0.0
_FOREVER: Final = 1e11
_MS_PER_S: Final = 1000

Json = dict[str, Any]


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
        body = await asyncio.to_thread(_body, services.exemplars, selectors, start_ms, end_ms)
        return Response(body, media_type=JSONResponse.media_type)

    return routes


def _body(exemplars: Exemplars, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> bytes:
    """The answer as JSON; it may hold everything that is kept, too much to be written on the loop."""
    answer = [
        {"seriesLabels": dict(series.labels), "exemplars": [_exemplar(exemplar) for exemplar in series.exemplars]}
        for series in exemplars.select(selectors, start_ms, end_ms)
    ]
    return json.dumps(success(answer), ensure_ascii=False, separators=(",", ":")).encode()


def _exemplar(exemplar: Exemplar) -> Json:
    return {
        "labels": dict(exemplar.labels),
        "value": number(exemplar.value),
        "timestamp": exemplar.time_ms / _MS_PER_S,
    }
