"""A client of Prometheus' HTTP API: metrics that one machine cannot hold (Mimir, Thanos, VictoriaMetrics)."""

import asyncio
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import httpx
import numpy as np

from lapbell_evaluator.model import (
    CUSTOM_SCHEMA,
    EvaluatorError,
    Histogram,
    Labels,
    QueryResult,
    RangeResult,
    RangeSeries,
    Sample,
    ValueKind,
    labels,
)
from lapbell_evaluator.promql.errors import QueryLimitError
from lapbell_evaluator.promql.syntax.ast import Expr
from lapbell_evaluator.promql.syntax.errors import PromqlError

__all__ = ["HttpQuerier", "QuerierUnreachableError"]

_PLACE: Final = re.compile(
    r"(?:invalid parameter \"?query\"?: )?(\d{1,9}):(\d{1,9}): (?:parse error: )?(.*)", re.DOTALL
)
_LIMITS: Final = frozenset({"timeout", "canceled"})
_TOO_MUCH: Final = re.compile("too many samples|timed out|exceeded maximum resolution")

_Json = Any  # what a server sends is checked where it is taken apart
_Data = Mapping[str, _Json]


class QuerierUnreachableError(EvaluatorError):
    """The server does not answer, or not as Prometheus does; the same question may have an answer later."""


class HttpQuerier:
    """A `Querier` that sends each query to a server.

    Args:
        url: base URL of the API, without `/api/v1`.
        client: carries credentials and timeouts; its owner closes it.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url.rstrip("/")
        self._client = client

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """See `Querier`."""
        body = await self._request("query", {"query": str(expr), "time": f"{time:.3f}"})
        warnings, infos = _annotations(body)
        kind = ValueKind(body["data"]["resultType"])
        result = body["data"]["result"]
        match kind:
            case ValueKind.SCALAR:
                return QueryResult((Sample((), float(result[0]), float(result[1])),), warnings, infos, kind)
            case ValueKind.STRING:
                return QueryResult((), warnings, infos, kind, text=str(result[1]))
            case ValueKind.MATRIX:
                return QueryResult((), warnings, infos, kind, tuple(_range_series(series) for series in result))
            case ValueKind.VECTOR:
                return QueryResult(tuple(_sample(sample) for sample in result), warnings, infos, kind)

    async def query_all(self, exprs: Sequence[str], time: float) -> tuple[QueryResult, ...]:
        """See `BatchQuerier`; one request for each expression, as many at once as `client` has connections."""
        return tuple(await asyncio.gather(*(self.query(expr, time) for expr in exprs)))

    async def query_range(self, expr: str | Expr, start: float, end: float, step: float) -> RangeResult:
        """See `Querier`."""
        parameters = {"query": str(expr), "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        body = await self._request("query_range", parameters)
        series = [_range_series(element) for element in body["data"]["result"]]
        return RangeResult(tuple(sorted(series, key=attrgetter("labels"))), *_annotations(body))

    async def series(self, selectors: Sequence[str], start: float, end: float) -> tuple[Labels, ...]:
        """See `Querier`."""
        parameters = {"match[]": list(selectors) or ['{__name__=~".+"}'], "start": f"{start:.3f}", "end": f"{end:.3f}"}
        body = await self._request("series", parameters)
        return tuple(sorted(labels(pairs) for pairs in body["data"]))

    async def label_names(self, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """See `Querier`."""
        parameters = {"match[]": list(selectors), "start": f"{start:.3f}", "end": f"{end:.3f}"}
        return tuple(sorted((await self._request("labels", parameters))["data"]))

    async def label_values(self, name: str, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """See `Querier`."""
        parameters = {"match[]": list(selectors), "start": f"{start:.3f}", "end": f"{end:.3f}"}
        body = await self._request(f"label/{name}/values", parameters, by_get=True)
        return tuple(sorted(body["data"]))

    async def _request(
        self, endpoint: str, parameters: Mapping[str, str | Sequence[str]], *, by_get: bool = False
    ) -> _Data:
        """The JSON body of a successful response, from a POST with form fields unless `by_get`.

        Raises:
            QuerierUnreachableError: no response, or none of Prometheus' API.
            QueryLimitError: the query costs the server too much.
            PromqlError: the server refuses the query.
        """
        url = f"{self._url}/api/v1/{endpoint}"
        fields = {name: value if isinstance(value, str) else list(value) for name, value in parameters.items()}
        try:
            if by_get:
                response = await self._client.get(url, params=fields)
            else:
                response = await self._client.post(url, data=fields)
        except httpx.HTTPError as error:
            raise QuerierUnreachableError(f"{self._url} does not answer: {error!r}", "Is it running?") from error
        try:
            body = response.json()
        except ValueError as error:
            reason = f"{self._url} answers {response.status_code} without JSON"
            raise QuerierUnreachableError(reason, "Does its Prometheus API begin there?") from error
        if not isinstance(body, dict) or body.get("status") != "success":
            raise _refusal(body, response.status_code)
        return body


def _refusal(body: _Json, status: int) -> EvaluatorError:
    if not isinstance(body, dict) or "errorType" not in body:
        return QuerierUnreachableError(f"the server answers {status}: {str(body)[:200]}")
    text = str(body.get("error", ""))
    if body["errorType"] in _LIMITS or _TOO_MUCH.search(text):
        return QueryLimitError(text)
    place = _PLACE.match(text)
    return PromqlError(place[3], int(place[1]), int(place[2])) if place else PromqlError(text)


def _annotations(body: _Data) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(body.get("warnings") or ()), tuple(body.get("infos") or ())


def _sample(element: _Data) -> Sample:
    if "histogram" in element:
        time, histogram = element["histogram"]
        return Sample(labels(element["metric"]), float(time), math.nan, _histogram(histogram))
    time, value = element["value"]
    return Sample(labels(element["metric"]), float(time), float(value))


def _range_series(element: _Data) -> RangeSeries:
    points = tuple((float(time), float(value)) for time, value in element.get("values", ()))
    histograms = tuple((float(time), _histogram(value)) for time, value in element.get("histograms", ()))
    return RangeSeries(labels(element["metric"]), points, histograms)


def _histogram(element: _Data) -> Histogram:
    """A histogram of explicit buckets: the API gives bounds and counts, not the schema they came from."""
    edges = [(float(lower), float(upper), float(count)) for _, lower, upper, count in element.get("buckets", ())]
    bounds = sorted({bound for lower, upper, _ in edges for bound in (lower, upper) if math.isfinite(bound)})
    uppers = [*bounds, math.inf]
    counts = dict.fromkeys(uppers, 0.0)
    for _, upper, count in edges:
        counts[upper] += count
    buckets = np.fromiter(itertools.islice(counts.values(), len(uppers)), np.float64)
    return Histogram(
        CUSTOM_SCHEMA, float(element["count"]), float(element["sum"]), positive=buckets, bounds=tuple(bounds)
    )
