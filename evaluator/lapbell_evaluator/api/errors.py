"""Errors as JSON: a stable code, what went wrong, what to do."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from lapbell_evaluator.model import EvaluatorError, StorageError
from lapbell_evaluator.promql import QueryLimitError, QueueFullError

__all__ = ["PROBLEM", "ApiError", "Problem", "install", "invalid_fields", "retry_after"]

_CODES: Final = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_large",
    HTTPStatus.REQUEST_TIMEOUT: "body_too_slow",
}

_MOST_TOLD: Final = 10
_MOST_CHARACTERS: Final = 300


class Problem(BaseModel):
    """The body of every error response."""

    code: str
    message: str
    remedy: str = ""


PROBLEM: Final[dict[str, Any]] = {
    "description": "Why not, and what to do.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
"""A `Problem` in the OpenAPI document, also of a route whose own answer is no JSON."""


class ApiError(EvaluatorError):
    """An error that a caller can understand and mend.

    Attributes:
        status: the HTTP status.
        code: stable; programs may rely on it.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.status = status
        self.code = code


def install(app: FastAPI) -> None:
    """Every error of `app` leaves as a `Problem`."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(EvaluatorError, _evaluator_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(ClientDisconnect, _hung_up)
    app.add_exception_handler(Exception, _fault)


def retry_after(error: QueryLimitError) -> dict[str, str] | None:
    """The header that says when the same query may have an answer; None if it never has."""
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, QueueFullError) else None


def invalid_fields(error: RequestValidationError) -> str:
    """Which parts of a request are wrong, and why: the first ones, each as far as it can be read."""
    wrong = error.errors()
    told = [
        f"{_shortened('.'.join(map(str, one['loc'])))}: {_shortened(str(one['msg']))}" for one in wrong[:_MOST_TOLD]
    ]
    return "; ".join([*told, *([f"and {len(wrong) - _MOST_TOLD} more"] if len(wrong) > _MOST_TOLD else [])])


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _response(status: int, problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), status_code=status, headers=headers)


def _api_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)  # noqa: S101 # registered for this type alone
    headers = {"WWW-Authenticate": "Bearer"} if error.status is HTTPStatus.UNAUTHORIZED else None
    return _response(error.status, Problem(code=error.code, message=error.message, remedy=error.remedy), headers)


def _evaluator_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, EvaluatorError)  # noqa: S101 # registered for this type alone
    if isinstance(error, StorageError):
        problem = Problem(code="storage_unavailable", message=error.message, remedy=error.remedy)
        return _response(HTTPStatus.SERVICE_UNAVAILABLE, problem)
    if isinstance(error, QueryLimitError):
        problem = Problem(code="query_too_expensive", message=error.message, remedy=error.remedy)
        return _response(HTTPStatus.SERVICE_UNAVAILABLE, problem, retry_after(error))
    problem = Problem(code="refused", message=error.message, remedy=error.remedy)
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, problem)


def _invalid_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 # registered for this type alone
    problem = Problem(
        code="invalid_request", message=invalid_fields(error), remedy="See /openapi.json for what is accepted."
    )
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, problem)


def _fault(request: Request, _: Exception) -> JSONResponse:
    """Starlette logs the exception itself."""
    problem = Problem(
        code="internal_error",
        message=f"{request.method} {request.url.path} failed in the evaluator.",
        remedy="This is a fault of lapbell; its log has the details.",
    )
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, problem)


def _hung_up(_: Request, __: Exception) -> JSONResponse:
    """The caller left before its body was complete: nobody reads this, and it is no fault of ours."""
    return _response(HTTPStatus.BAD_REQUEST, Problem(code="hung_up", message="The body was not complete."))


def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 # registered for this type alone
    status = HTTPStatus(error.status_code)
    problem = Problem(
        code=_CODES.get(status, "http_error"),
        message=f"{request.method} {request.url.path}: {status.phrase.lower()}.",
        remedy="See /openapi.json for what there is.",
    )
    return _response(status, problem, dict(error.headers) if error.headers else None)
