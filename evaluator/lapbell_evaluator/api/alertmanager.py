"""Alertmanager's HTTP API v2: amtool, Karma and Grafana's Alertmanager data source work against it.

Source: Alertmanager, api/v2/openapi.yaml.
"""

from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from lapbell_evaluator.alerts import UnknownSilenceError, matches, parse_matchers
from lapbell_evaluator.api.access import Caller, requires
from lapbell_evaluator.api.alertmanager_bodies import Chosen, PostedBody, SilenceBody
from lapbell_evaluator.model import (
    AlertView,
    Clock,
    EvaluatorError,
    GroupView,
    LabelMatcher,
    PostableAlert,
    Role,
    Silence,
    SilenceState,
    State,
    labels,
)

__all__ = ["SilenceDesk", "router"]

_RECEIVER: Final = {"name": "lapbell"}
_CONFIG: Final = "route:\n  receiver: lapbell\nreceivers:\n  - name: lapbell\n"
_AHEAD_S: Final = 240.0
"""How far ahead a firing alert's end is set: it is renewed long before."""

_END_OF_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last second that a date can name: people write it for "for ever", some where the year 10000 begins earlier."""

Json = dict[str, Any]


class SilenceDesk(Protocol):
    """Where silences are kept."""

    def silences(self) -> tuple[Silence, ...]:
        """Every silence."""
        ...

    def silence(self, key: str) -> Silence:
        """One silence; raises UnknownSilenceError."""
        ...

    async def put(self, wanted: Silence, by: str) -> Silence:
        """Makes or changes a silence; raises SilenceError or UnknownSilenceError."""
        ...

    async def expire(self, key: str, by: str) -> None:
        """Ends a silence; raises UnknownSilenceError or SilenceError."""
        ...


class PostedDesk(Protocol):
    """The alerts of others."""

    async def post(self, alerts: Sequence[PostableAlert]) -> None:
        """Takes alerts; raises EvaluatorError if one of them can't be."""
        ...

    def views(self) -> tuple[AlertView, ...]:
        """Those that are not over."""
        ...


class AlertDesk(Protocol):
    """Knows the alerts and why some are not told."""

    @property
    def external_alerts(self) -> PostedDesk:
        """The alerts of others."""
        ...

    @property
    def muting(self) -> SilenceDesk:
        """Silences."""
        ...

    async def groups(self) -> tuple[GroupView, ...]:
        """Every group with its rules and their alerts."""
        ...


class AlertmanagerRoute(APIRoute):
    """A route whose errors are those of Alertmanager: a JSON string."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with errors turned into strings."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except UnknownSilenceError as error:
                return JSONResponse(str(error), HTTPStatus.NOT_FOUND)
            except RequestValidationError as error:
                told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
                return JSONResponse(told, HTTPStatus.BAD_REQUEST)
            except HTTPException as error:
                return JSONResponse(error.detail, error.status_code)
            except EvaluatorError as error:
                status = getattr(error, "status", HTTPStatus.BAD_REQUEST)
                return JSONResponse(str(error), status)

        return handle


router = APIRouter(
    prefix="/api/v2",
    tags=["alertmanager"],
    route_class=AlertmanagerRoute,
    responses={"4XX": {"model": str, "description": "Why not, as Alertmanager says it: a JSON string."}},
)
_VIEWER: Final = Depends(requires(Role.VIEWER))
Editor = Annotated[Caller, Depends(requires(Role.EDITOR))]
Filters = Annotated[list[str] | None, Query()]


@router.get("/status", dependencies=[_VIEWER])
async def get_status(request: Request) -> Json:
    """What answers here; the configuration is one that amtool can read."""
    version = request.app.version
    named = {"revision": f"lapbell-{version}", "branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
    return {
        "cluster": {"status": "disabled", "peers": []},
        "versionInfo": {"version": "0.28.0", **named},
        "config": {"original": _CONFIG},
        "uptime": _moment(request.app.state.started_at),
    }


@router.get("/receivers", dependencies=[_VIEWER])
async def get_receivers() -> list[Json]:
    """Who is told; there is one route."""
    return [_RECEIVER]


@router.get("/alerts", dependencies=[_VIEWER])
async def get_alerts_v2(request: Request, chosen: Annotated[Chosen, Query()]) -> list[Json]:
    """The alerts that fire."""
    wanted, now = _matchers(chosen.filter), _now(request)
    return [
        _alert(alert, now)
        for alert in await _firing(request)
        if chosen.admits(alert) and matches(wanted, dict(alert.alert.labels))
    ]


@router.post("/alerts", dependencies=[Depends(requires(Role.INGEST))], response_class=Response)
async def post_alerts(request: Request, body: list[PostedBody]) -> Response:
    """Takes alerts that others found: a Prometheus may have the evaluator as its Alertmanager."""
    await _desk(request).external_alerts.post([_posted(each) for each in body])
    return Response(status_code=HTTPStatus.OK)


@router.get("/alerts/groups", dependencies=[_VIEWER])
async def get_alert_groups(request: Request, chosen: Annotated[Chosen, Query()]) -> list[Json]:
    """The alerts that fire, as one group: there is one route, and it groups by nothing."""
    alerts = await get_alerts_v2(request, chosen)
    return [{"labels": {}, "routeLabels": {}, "receiver": _RECEIVER, "alerts": alerts}] if alerts else []


@router.get("/silences", dependencies=[_VIEWER])
async def get_silences(request: Request, filter: Filters = None) -> list[Json]:  # noqa: A002 # Alertmanager's name
    """Silences, expired ones too."""
    wanted = _matchers(filter)
    now = _now(request)
    found = _desk(request).muting.silences()
    return [_silence(each, now) for each in found if _mentions(each.matchers, wanted)]


@router.post("/silences")
async def post_silence(request: Request, body: SilenceBody, caller: Editor) -> Json:
    """Makes a silence, or changes the one with that id."""
    wanted = Silence(
        id=body.id,
        matchers=tuple(LabelMatcher(each.name, each.value, each.isRegex, each.isEqual) for each in body.matchers),
        starts_at=body.startsAt.timestamp(),
        ends_at=body.endsAt.timestamp(),
        created_by=body.createdBy,
        comment=body.comment,
    )
    return {"silenceID": (await _desk(request).muting.put(wanted, caller)).id}


@router.get("/silence/{silence_id}", dependencies=[_VIEWER])
async def get_silence(request: Request, silence_id: str) -> Json:
    """One silence."""
    return _silence(_desk(request).muting.silence(silence_id), _now(request))


@router.delete("/silence/{silence_id}", response_class=Response)
async def delete_silence(request: Request, silence_id: str, caller: Editor) -> Response:
    """Ends a silence now."""
    await _desk(request).muting.expire(silence_id, caller)
    return Response(status_code=HTTPStatus.OK)


def _matchers(texts: Sequence[str] | None) -> tuple[LabelMatcher, ...]:
    return tuple(matcher for text in texts or () for matcher in parse_matchers(text))


def _mentions(own: Sequence[LabelMatcher], wanted: Sequence[LabelMatcher]) -> bool:
    """Whether a silence's matchers, read as labels, fit a filter, as Alertmanager judges them."""
    return matches(wanted, {each.name: each.value for each in own})


async def _firing(request: Request) -> list[AlertView]:
    desk = _desk(request)
    found = [alert for group in await desk.groups() for rule in group.rules for alert in rule.alerts]
    return [alert for alert in (*found, *desk.external_alerts.views()) if alert.alert.state is State.FIRING]


def _posted(body: PostedBody) -> PostableAlert:
    return PostableAlert(
        labels=labels(body.labels),
        annotations=labels(body.annotations),
        starts_at=_seconds(body.startsAt),
        ends_at=_seconds(body.endsAt),
        generator_url=body.generatorURL,
    )


def _seconds(moment: datetime | None) -> float | None:
    """Unix seconds; amtool sends the year 1 for a time that is not set."""
    return None if moment is None or moment.year == 1 else moment.timestamp()


def _alert(view: AlertView, now: float) -> Json:
    is_suppressed = bool(view.silenced_by or view.inhibited_by)
    return {
        "labels": dict(view.alert.labels),
        "annotations": dict(view.annotations),
        "startsAt": _moment(view.alert.fired_at or view.alert.active_at),
        "updatedAt": _moment(view.alert.proven_at),
        "endsAt": _moment(now + _AHEAD_S),
        "fingerprint": view.fingerprint,
        "receivers": [_RECEIVER],
        "status": {
            "state": "suppressed" if is_suppressed else "active",
            "silencedBy": list(view.silenced_by),
            "inhibitedBy": list(view.inhibited_by),
            "mutedBy": [],
        },
    }


def _silence(silence: Silence, now: float) -> Json:
    state: SilenceState = silence.state(now)
    return {
        "id": silence.id,
        "status": {"state": state.value},
        "matchers": [
            {"name": each.name, "value": each.value, "isRegex": each.is_regex, "isEqual": each.is_equal}
            for each in silence.matchers
        ],
        "startsAt": _moment(silence.starts_at),
        "endsAt": _moment(silence.ends_at),
        "updatedAt": _moment(silence.updated_at),
        "createdBy": silence.created_by,
        "comment": silence.comment,
        "annotations": {},
    }


def _moment(seconds: float) -> str:
    return (
        datetime.fromtimestamp(min(seconds, _END_OF_TIME), UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def _now(request: Request) -> float:
    clock: Clock = request.app.state.clock
    return clock.now()


def _desk(request: Request) -> AlertDesk:
    desk: AlertDesk = request.app.state.desk
    return desk
