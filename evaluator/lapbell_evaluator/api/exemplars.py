"""Prometheus' API for exemplars: the way of a chart from a slow point to its trace.

Source: prometheus.io/docs/prometheus/latest/querying/api, "Querying exemplars".
"""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from lapbell_evaluator.api.prometheus_json import number, success
from lapbell_evaluator.api.prometheus_route import Given, get_and_post, prometheus_router, refuse
from lapbell_evaluator.model import Exemplar, SeriesExemplars
from lapbell_evaluator.promql import VectorSelector, parse, walk
from lapbell_evaluator.series import Matcher

__all__ = ["Exemplars", "router"]

_LONG_AGO: Final = 0.0
_FOREVER: Final = 1e11
_MS_PER_S: Final = 1000

Json = dict[str, Any]

router = prometheus_router()


class Exemplars(Protocol):
    """Knows measurements with the traces in which they were made."""

    def select(self, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> tuple[SeriesExemplars, ...]:
        """Exemplars between two times of the series that any selector means, sorted; in any thread."""
        ...


@get_and_post(router, "/query_exemplars", required=("query",), optional=("start", "end"))
async def query_exemplars(request: Request, given: Given) -> Response:
    """Exemplars from `start` to `end` of every series that `query` reads."""
    start, end = given.time("start", _LONG_AGO), given.time("end", _FOREVER)
    if end < start:
        refuse("end timestamp must not be before start timestamp")
    selectors = [node.matchers for node in walk(parse(given.text("query"))) if isinstance(node, VectorSelector)]
    exemplars: Exemplars = request.app.state.exemplars
    body = await asyncio.to_thread(_body, exemplars, selectors, round(start * _MS_PER_S), round(end * _MS_PER_S))
    return Response(body, media_type=JSONResponse.media_type)


def _body(exemplars: Exemplars, selectors: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> bytes:
    """The answer as JSON; it may hold everything that is kept, too much to be written on the loop."""
    found = exemplars.select(selectors, start_ms, end_ms)
    told = [
        {"seriesLabels": dict(each.labels), "exemplars": [_exemplar(exemplar) for exemplar in each.exemplars]}
        for each in found
    ]
    return json.dumps(success(told), ensure_ascii=False, separators=(",", ":")).encode()


def _exemplar(exemplar: Exemplar) -> Json:
    return {
        "labels": dict(exemplar.labels),
        "value": number(exemplar.value),
        "timestamp": exemplar.time_ms / _MS_PER_S,
    }
