"""`/api/performance/traces/{trace_id}`: where the links of alerts lead."""

from collections.abc import Iterator
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Response

from lapbell_evaluator.api.answers import as_json, body_with
from lapbell_evaluator.api.errors import PROBLEM, ApiError, Problem
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.parameters import only_known_parameters
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.api.trace_schemas import TraceDetail
from lapbell_evaluator.api.trace_view import trace_around, trace_spans
from lapbell_evaluator.evidence import otlp_document, requests_of
from lapbell_evaluator.model import Role, TraceView

__all__ = ["router"]

_REMEDY: Final = (
    "The latest traces are in memory for minutes, those of incidents are kept as long as their incident "
    "(database.keep_days); all traces are where the Collector sends them, and `trace_url` can lead there."
)


class TraceFormat(StrEnum):
    """How a trace is told: as described here, or as an OTLP/JSON export."""

    JSON = "json"
    OTLP = "otlp"


TraceId = Annotated[str, Path(description="32 hex digits.", pattern="^[0-9a-fA-F]{32}$")]
Format = Annotated[TraceFormat, Query(description="`otlp` is for Jaeger's upload, or any OTLP receiver.")]


def router(services: Services) -> APIRouter:
    """The route of single traces."""
    routes = APIRouter(
        route_class=GuardedRoute,
        prefix="/api/performance",
        tags=["performance"],
        responses={422: {"model": Problem}, "4XX": PROBLEM},
        dependencies=[Depends(only_known_parameters)],
    )
    viewer = Depends(services.access.requires(Role.VIEWER))

    @routes.get(
        "/traces/{trace_id}", dependencies=[viewer], response_model=TraceDetail, responses={404: {"model": Problem}}
    )
    async def get_trace(trace_id: TraceId, format: Format = TraceFormat.JSON) -> Response:  # noqa: A002 # what it is
        """A trace of late, or of an incident: its spans, and which of them each request waited for."""
        view = await services.trace_library.trace(trace_id.lower())
        if view is None:
            raise ApiError(
                HTTPStatus.NOT_FOUND, "unknown_trace", f"No span of trace {trace_id.lower()} is kept.", _REMEDY
            )
        return await services.answers.written(lambda: _otlp(view) if format is TraceFormat.OTLP else _detail(view))

    return routes


def _otlp(view: TraceView) -> Iterator[bytes]:
    yield as_json(otlp_document(view.trace))


def _detail(view: TraceView) -> Iterator[bytes]:
    requests = requests_of(view.trace)
    return body_with(trace_around(view, requests), spans=trace_spans(view, requests))
