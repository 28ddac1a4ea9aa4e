"""Asks any server with Prometheus' HTTP API: the way past one machine (Mimir, Thanos, VictoriaMetrics, Prometheus)."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
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

_PLACE: Final = re.compile(r"(?:invalid parameter \"?query\"?: )?(\d+):(\d+): (?:parse error: )?(.*)", re.DOTALL)
_LIMITS: Final = frozenset({"timeout", "canceled"})
_TOO_MUCH: Final = re.compile("too many samples|timed out|exceeded maximum resolution")

_Json = Any  # what a server sends is checked where it is taken apart
_Data = Mapping[str, _Json]


class QuerierUnreachableError(EvaluatorError):
    """The server does not answer, or not as Prometheus does; the same question may have an answer later."""


class HttpQuerier:
    """A `Querier` that asks a server.

    Args:
        url: where its API begins, without `/api/v1`.
        client: carries credentials and time limits; closed by whoever made it.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url.rstrip("/")
        self._client = client

    async def query(self, expr: str | Expr, time: float) -> QueryResult:
        """See `Querier`."""
        body = await self._ask("query", {"query": str(expr), "time": f"{time:.3f}"})
        warnings, infos = _annotations(body)
        kind = ValueKind(body["data"]["resultType"])
        result = body["data"]["result"]
        match kind:
            case ValueKind.SCALAR:
                return QueryResult((Sample((), float(result[0]), float(result[1])),), warnings, infos, kind)
            case ValueKind.STRING:
                return QueryResult((), warnings, infos, kind, text=str(result[1]))
            case ValueKind.MATRIX:
                return QueryResult((), warnings, infos, kind, tuple(_range_series(one) for one in result))
            case ValueKind.VECTOR:
                return QueryResult(tuple(_sample(one) for one in result), warnings, infos, kind)

    async def query_range(self, expr: str | Expr, start: float, end: float, step: float) -> RangeResult:
        """See `Querier`."""
        asked = {"query": str(expr), "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        body = await self._ask("query_range", asked)
        series = [_range_series(one) for one in body["data"]["result"]]
        return RangeResult(tuple(sorted(series, key=lambda one: one.labels)), *_annotations(body))

    async def series(self, selectors: Sequence[str], start: float, end: float) -> tuple[Labels, ...]:
        """See `Querier`."""
        asked = {"match[]": list(selectors) or ['{__name__=~".+"}'], "start": f"{start:.3f}", "end": f"{end:.3f}"}
        body = await self._ask("series", asked)
        return tuple(sorted(labels(one) for one in body["data"]))

    async def label_names(self, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """See `Querier`."""
        asked = {"match[]": list(selectors), "start": f"{start:.3f}", "end": f"{end:.3f}"}
        return tuple(sorted((await self._ask("labels", asked))["data"]))

    async def label_values(self, name: str, selectors: Sequence[str], start: float, end: float) -> tuple[str, ...]:
        """See `Querier`."""
        asked = {"match[]": list(selectors), "start": f"{start:.3f}", "end": f"{end:.3f}"}
        body = await self._ask(f"label/{name}/values", asked, by_get=True)
        return tuple(sorted(body["data"]))

    async def _ask(self, what: str, asked: Mapping[str, str | Sequence[str]], *, by_get: bool = False) -> _Data:
        """The body of an answer that succeeded."""
        url = f"{self._url}/api/v1/{what}"
        fields = {name: value if isinstance(value, str) else list(value) for name, value in asked.items()}
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


def _sample(one: _Data) -> Sample:
    if "histogram" in one:
        time, histogram = one["histogram"]
        return Sample(labels(one["metric"]), float(time), math.nan, _histogram(histogram))
    time, value = one["value"]
    return Sample(labels(one["metric"]), float(time), float(value))


def _range_series(one: _Data) -> RangeSeries:
    points = tuple((float(time), float(value)) for time, value in one.get("values", ()))
    histograms = tuple((float(time), _histogram(value)) for time, value in one.get("histograms", ()))
    return RangeSeries(labels(one["metric"]), points, histograms)


def _histogram(one: _Data) -> Histogram:
    """A histogram of explicit buckets: the API tells bounds and counts, not the schema that they came from."""
    edges = [(float(lower), float(upper), float(count)) for _, lower, upper, count in one.get("buckets", ())]
    bounds = sorted({bound for lower, upper, _ in edges for bound in (lower, upper) if math.isfinite(bound)})
    uppers = [*bounds, math.inf]
    counts = dict.fromkeys(uppers, 0.0)
    for _, upper, count in edges:
        counts[upper] += count
    buckets = np.fromiter(itertools.islice(counts.values(), len(uppers)), np.float64)
    return Histogram(CUSTOM_SCHEMA, float(one["count"]), float(one["sum"]), positive=buckets, bounds=tuple(bounds))
