"""What Prometheus' routes share: parameters from a query string or a form, and Prometheus' errors.

Source: prometheus.io/docs/prometheus/latest/querying/api, "Format overview".
"""

import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, NoReturn, Self, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException

from lapbell_evaluator.api.errors import ApiError, retry_after
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.prometheus_parameters import in_form, in_query
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.api.window import duration_s, unix_s
from lapbell_evaluator.model import EvaluatorError, Role, StorageError
from lapbell_evaluator.promql import QueryLimitError

__all__ = ["Arguments", "Json", "Parameters", "get_and_post", "prometheus_router", "refuse"]

_FORM: Final = "application/x-www-form-urlencoded"

Json = dict[str, Any]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Coroutine[Any, Any, Any]])


class PrometheusRoute(GuardedRoute):
    """A route whose errors are those of Prometheus: `errorType` and `error`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with errors turned into Prometheus' JSON."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except ApiError as error:
                return _failure(error.status, "bad_data", error)
            except QueryLimitError as error:
                return _failure(HTTPStatus.SERVICE_UNAVAILABLE, "timeout", error, retry_after(error))
            except StorageError as error:
                return _failure(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", error)
            except EvaluatorError as error:
                return _failure(HTTPStatus.BAD_REQUEST, "bad_data", error)
            except HTTPException as error:
                return _failure(error.status_code, "bad_data", error.detail)

        return handle


class Failure(BaseModel):
    """The body of every error response."""

    status: Literal["error"] = "error"
    errorType: str  # noqa: N815 # Prometheus' name
    error: str


def _failure(status: int, kind: str, error: object, headers: dict[str, str] | None = None) -> JSONResponse:
    wrong = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    return JSONResponse(Failure(errorType=kind, error=str(error)).model_dump(), status_code=wrong, headers=headers)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Parameters of a request, from its query string and its form."""

    sources: tuple[QueryParams, ...]

    @classmethod
    async def of(cls, request: Request) -> Self:
        """Reads both: clients post long queries as forms.

        A form of this media type is written as a query string is, so it is read as one: `Request.form` would need
        python-multipart.
        """
        is_form = request.headers.get("content-type", "").startswith(_FORM)
        form = (QueryParams(await request.body()),) if request.method == "POST" and is_form else ()
        return cls((*form, request.query_params))

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.optional(name)
        if value is None:
            refuse(f"parameter {name!r} is missing")
        return value

    def optional(self, name: str) -> str | None:
        """A parameter, or None."""
        return next((source[name] for source in self.sources if name in source), None)

    def several(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for source in self.sources for value in source.getlist(name)]

    def time(self, name: str, default: float | None = None) -> float:
        """Unix seconds, from seconds or RFC 3339."""
        value = self.optional(name)
        if value is None and default is None:
            refuse(f"parameter {name!r} is missing")
        return unix_s(name, value) if value is not None else (default or 0.0)

    def seconds(self, name: str) -> float:
        """A positive duration, from seconds or `5m`."""
        value = self.text(name)
        try:
            seconds = float(value)
        except ValueError:
            seconds = duration_s(name, value)
        if not 0 < seconds < math.inf:
            refuse(f"{name}: zero or negative durations are not accepted")
        return seconds


def refuse(why: str) -> NoReturn:
    """Raises ApiError 400."""
    raise ApiError(HTTPStatus.BAD_REQUEST, "bad_data", f"{why}.")


async def _arguments(request: Request) -> Arguments:
    return await Arguments.of(request)


Parameters = Annotated[Arguments, Depends(_arguments)]


def prometheus_router(services: Services) -> APIRouter:
    """A router of `/api/v1` for callers who may read."""
    return APIRouter(
        prefix="/api/v1",
        tags=["prometheus"],
        route_class=PrometheusRoute,
        dependencies=[Depends(services.access.requires(Role.VIEWER))],
        responses={
            "4XX": {"model": Failure, "description": "Why not, as Prometheus says it."},
            503: {"model": Failure, "description": "The query costs too much, or the disk cannot be read."},
        },
    )


def get_and_post(
    router: APIRouter, path: str, *, required: Sequence[str] = (), optional: Sequence[str] = ()
) -> Callable[[Endpoint], Endpoint]:
    """Long queries come as forms: both methods, each with an operation id of its own, take these parameters."""

    def add(endpoint: Endpoint) -> Endpoint:
        query, form = (describe(required=required, optional=optional) for describe in (in_query, in_form))
        router.add_api_route(path, endpoint, methods=["GET"], response_model=Json, openapi_extra=query)
        router.add_api_route(
            path,
            endpoint,
            methods=["POST"],
            response_model=Json,
            operation_id=f"post_{path.strip('/')}",
            openapi_extra=form,
        )
        return endpoint

    return add
