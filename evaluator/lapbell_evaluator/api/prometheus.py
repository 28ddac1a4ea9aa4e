"""Prometheus' HTTP API for queries: Grafana's Prometheus data source and promtool work against it.

Source: prometheus.io/docs/prometheus/latest/querying/api.
"""

import math
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, NoReturn, Protocol, Self, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.datastructures import FormData, QueryParams
from starlette.exceptions import HTTPException

from lapbell_evaluator.api.access import requires
from lapbell_evaluator.api.errors import ApiError
from lapbell_evaluator.api.prometheus_json import instant, ranges, success
from lapbell_evaluator.api.prometheus_parameters import in_form, in_query
from lapbell_evaluator.api.rules_json import alert_json, group_json
from lapbell_evaluator.api.window import duration_s, unix_s
from lapbell_evaluator.model import Clock, EvaluatorError, GroupView, Role, RuleKind, State
from lapbell_evaluator.promql import Querier, QueryLimitError
from lapbell_evaluator.series import Metadata

__all__ = ["router"]

_MOST_POINTS: Final = 11_000
_RULE_KINDS: Final = {
    None: frozenset(RuleKind),
    "alert": frozenset({RuleKind.ALERTING}),
    "record": frozenset({RuleKind.RECORDING}),
}
_MOST_DIGITS: Final = 9
_LONG_AGO: Final = 0.0
_NARROWING: Final = ("start", "end", "limit")
_FORM: Final = "application/x-www-form-urlencoded"

Json = dict[str, Any]
T = TypeVar("T")
Endpoint = TypeVar("Endpoint", bound=Callable[..., Coroutine[Any, Any, Any]])


class RuleDesk(Protocol):
    """Knows the rules."""

    async def groups(self) -> tuple[GroupView, ...]:
        """Every group with its rules and their alerts as they stand."""
        ...


class PrometheusRoute(APIRoute):
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
                return _failure(HTTPStatus.SERVICE_UNAVAILABLE, "timeout", error)
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


def _failure(status: int, kind: str, error: object) -> JSONResponse:
    wrong = HTTPStatus.BAD_REQUEST if status == HTTPStatus.UNPROCESSABLE_ENTITY else status
    return JSONResponse(Failure(errorType=kind, error=str(error)).model_dump(), status_code=wrong)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Parameters of a request, from its query string and its form."""

    given: tuple[QueryParams | FormData, ...]
    now: float

    @classmethod
    async def of(cls, request: Request) -> Self:
        """Reads both: clients post long queries as forms."""
        clock: Clock = request.app.state.clock
        is_form = request.headers.get("content-type", "").startswith(_FORM)
        form = (await request.form(),) if request.method == "POST" and is_form else ()
        return cls((*form, request.query_params), clock.now())

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        value = self.optional(name)
        if value is None:
            _refuse(f"parameter {name!r} is missing")
        return value

    def optional(self, name: str) -> str | None:
        """A parameter, or None."""
        return next((value for given in self.given if isinstance(value := given.get(name), str)), None)

    def several(self, name: str) -> list[str]:
        """All values of a parameter."""
        return [value for given in self.given for value in given.getlist(name) if isinstance(value, str)]

    def time(self, name: str, default: float | None = None) -> float:
        """Unix seconds, from seconds or RFC 3339."""
        value = self.optional(name)
        if value is None and default is None:
            _refuse(f"parameter {name!r} is missing")
        return unix_s(name, value) if value is not None else (default or 0.0)

    def seconds(self, name: str) -> float:
        """A positive duration, from seconds or `5m`."""
        value = self.text(name)
        try:
            seconds = float(value)
        except ValueError:
            seconds = duration_s(name, value)
        if not 0 < seconds < math.inf:
            _refuse(f"{name}: zero or negative durations are not accepted")
        return seconds


def _refuse(why: str) -> NoReturn:
    raise ApiError(HTTPStatus.BAD_REQUEST, "bad_data", f"{why}.")


async def _arguments(request: Request) -> Arguments:
    return await Arguments.of(request)


router = APIRouter(
    prefix="/api/v1",
    tags=["prometheus"],
    route_class=PrometheusRoute,
    dependencies=[Depends(requires(Role.VIEWER))],
    responses={
        "4XX": {"model": Failure, "description": "Why not, as Prometheus says it."},
        503: {"model": Failure, "description": "The query costs too much."},
    },
)
Given = Annotated[Arguments, Depends(_arguments)]


def _get_and_post(
    path: str, *, required: Sequence[str] = (), optional: Sequence[str] = ()
) -> Callable[[Endpoint], Endpoint]:
    """Long queries come as forms: both methods, each with an operation id of its own, take these parameters."""

    def add(endpoint: Endpoint) -> Endpoint:
        query, form = (told(required=required, optional=optional) for told in (in_query, in_form))
        router.add_api_route(path, endpoint, methods=["GET"], openapi_extra=query)
        router.add_api_route(
            path, endpoint, methods=["POST"], operation_id=f"post_{path.strip('/')}", openapi_extra=form
        )
        return endpoint

    return add


@_get_and_post("/query", required=("query",), optional=("time",))
async def query(request: Request, given: Given) -> Json:
    """The value of `query` at `time`."""
    time = given.time("time", given.now)
    result = await _querier(request).query(given.text("query"), time)
    return success(instant(result, time), result.warnings, result.infos)


@_get_and_post("/query_range", required=("query", "start", "end", "step"))
async def query_range(request: Request, given: Given) -> Json:
    """The values of `query` from `start` to `end`, every `step`."""
    start, end, step = given.time("start"), given.time("end"), given.seconds("step")
    if end < start:
        _refuse("end timestamp must not be before start time")
    if (end - start) / step > _MOST_POINTS:
        _refuse(f"more than {_MOST_POINTS} points per series; use a larger step or a shorter range")
    result = await _querier(request).query_range(given.text("query"), start, end, step)
    return success(ranges(result), result.warnings, result.infos)


@_get_and_post("/series", required=("match[]",), optional=_NARROWING)
async def series(request: Request, given: Given) -> Json:
    """Labels of the series that match any `match[]`."""
    selectors = given.several("match[]")
    if not selectors:
        _refuse("no match[] parameter provided")
    found = await _querier(request).series(selectors, *_between(given))
    return success([dict(labels) for labels in _limited(given, found)])


@_get_and_post("/labels", optional=("match[]", *_NARROWING))
async def label_names(request: Request, given: Given) -> Json:
    """Names of labels."""
    return success(_limited(given, await _querier(request).label_names(given.several("match[]"), *_between(given))))


@router.get("/label/{name}/values", openapi_extra=in_query(optional=("match[]", *_NARROWING)))
async def label_values(request: Request, name: str, given: Given) -> Json:
    """Values of one label."""
    found = await _querier(request).label_values(name, given.several("match[]"), *_between(given))
    return success(_limited(given, found))


@router.get("/rules", openapi_extra=in_query(optional=("type", "rule_name[]", "rule_group[]", "file[]")))
async def rules(request: Request, given: Given) -> Json:
    """Rule groups, with the state of each rule and its alerts."""
    wanted = given.optional("type")
    if wanted not in _RULE_KINDS:
        _refuse(f"type: {wanted!r} is neither 'alert' nor 'record'")
    names, groups, files = (set(given.several(name)) for name in ("rule_name[]", "rule_group[]", "file[]"))
    answer = []
    for view in await _rule_desk(request).groups():
        if (groups and view.group.name not in groups) or (files and view.group.file not in files):
            continue
        chosen = [
            rule
            for rule in view.rules
            if rule.rule.kind in _RULE_KINDS[wanted] and (not names or rule.rule.name in names)
        ]
        if chosen or not (names or wanted):
            answer.append(group_json(view, chosen))
    return success({"groups": answer})


@router.get("/alerts")
async def alerts(request: Request) -> Json:
    """Every alert that is pending or firing."""
    groups = await _rule_desk(request).groups()
    views = [alert for group in groups for rule in group.rules for alert in rule.alerts]
    return success({"alerts": [alert_json(view) for view in views if view.alert.state is not State.HELD]})


@router.get("/metadata", openapi_extra=in_query(optional=("metric", "limit")))
async def metadata(request: Request, given: Given) -> Json:
    """Type, unit and help of each metric."""
    known: Mapping[str, Metadata] = request.app.state.metadata()
    wanted = given.optional("metric")
    chosen = [(name, each) for name, each in sorted(known.items()) if wanted is None or name == wanted]
    told = {name: [{"type": each.type, "unit": each.unit, "help": each.help}] for name, each in _limited(given, chosen)}
    return success(told)


@router.get("/status/buildinfo")
async def build_info(request: Request) -> Json:
    """What answers here: a version that clients take for a recent Prometheus."""
    return success(
        {
            "version": "3.0.0",
            "revision": f"lapbell-{request.app.version}",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )


def _rule_desk(request: Request) -> RuleDesk:
    desk: RuleDesk = request.app.state.desk
    return desk


def _querier(request: Request) -> Querier:
    querier: Querier = request.app.state.querier
    return querier


def _between(given: Arguments) -> tuple[float, float]:
    return given.time("start", _LONG_AGO), given.time("end", given.now)


def _limited(given: Arguments, found: Sequence[T]) -> list[T]:
    limit = given.optional("limit")
    if limit is None or limit == "0":
        return list(found)
    if not limit.isdecimal() or len(limit) > _MOST_DIGITS:
        _refuse(f"limit: must be a whole number of at most {_MOST_DIGITS} digits")
    return list(found[: int(limit)])
