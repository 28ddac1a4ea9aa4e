"""Alertmanager's HTTP API v2: amtool, Karma and Grafana's Alertmanager data source work against it.

Source: Alertmanager, api/v2/openapi.yaml.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lapbell_evaluator.alerts import UnknownSilenceError, parse_filter
from lapbell_evaluator.api.access import Caller
from lapbell_evaluator.api.alertmanager_bodies import Chosen, PostedBodies, PostedBody, SilenceBody
from lapbell_evaluator.api.answers import array, as_json, joined, obj
from lapbell_evaluator.api.chosen import those_that_match
from lapbell_evaluator.api.errors import ApiError, invalid_fields, retry_after
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.ports import Receivers
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.model import (
    AlertView,
    EvaluatorError,
    LabelMatcher,
    PostableAlert,
    Role,
    Silence,
    SilenceState,
    State,
    StorageError,
    labels,
)
from lapbell_evaluator.promql import QueryLimitError

__all__ = ["router"]

_CONFIG: Final = "route:\n  receiver: lapbell\nreceivers:\n  - name: lapbell\n"
_AHEAD_S: Final = 240.0
"""How far ahead a firing alert's end is set: it is renewed long before."""

_END_OF_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last second that a date can name: people write it for "for ever", some where the year 10000 begins earlier."""

Json = dict[str, Any]


class AlertmanagerRoute(GuardedRoute):
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
                return JSONResponse(invalid_fields(error), HTTPStatus.BAD_REQUEST)
            except HTTPException as error:
                return JSONResponse(error.detail, error.status_code)
            except ApiError as error:
                return JSONResponse(str(error), error.status)
            except StorageError as error:
                return JSONResponse(str(error), HTTPStatus.SERVICE_UNAVAILABLE)
            except QueryLimitError as error:
                return JSONResponse(str(error), HTTPStatus.SERVICE_UNAVAILABLE, retry_after(error))
            except EvaluatorError as error:
                return JSONResponse(str(error), HTTPStatus.BAD_REQUEST)

        return handle


Filters = Annotated[list[str] | None, Query()]


def router(services: Services) -> APIRouter:
    """The routes of Alertmanager's API."""
    routes = APIRouter(
        prefix="/api/v2",
        tags=["alertmanager"],
        route_class=AlertmanagerRoute,
        responses={"4XX": {"model": str, "description": "Why not, as Alertmanager says it: a JSON string."}},
    )
    viewer = Depends(services.access.requires(Role.VIEWER))

    @routes.get("/status", dependencies=[viewer])
    async def get_status() -> Json:
        """What answers here; the configuration is one that amtool can read."""
        unknown = {"branch": "", "buildUser": "", "buildDate": "", "goVersion": ""}
        return {
            "cluster": {"status": "disabled", "peers": []},
            "versionInfo": {"version": "0.28.0", "revision": f"lapbell-{services.version}", **unknown},
            "config": {"original": _CONFIG},
            "uptime": _moment(services.started_at),
        }

    @routes.get("/receivers", dependencies=[viewer])
    async def get_receivers() -> list[Json]:
        """Who is told."""
        return [{"name": name} for name in services.receivers.names]

    _add_alerts(routes, services)
    _add_silences(routes, services)
    return routes


def _add_alerts(routes: APIRouter, services: Services) -> None:
    viewer = Depends(services.access.requires(Role.VIEWER))

    @routes.get("/alerts", dependencies=[viewer], response_model=list[Json])
    async def get_alerts_v2(chosen: Annotated[Chosen, Query()]) -> Response:
        """The alerts that fire, or fire again within a while: an Alertmanager knows no recovering."""
        alerts, now = await _chosen_alerts(services, chosen), services.clock.now()
        receivers = services.receivers
        return await services.answers.written(lambda: array(_alert(view, now, receivers) for view in alerts))

    @routes.post("/alerts", dependencies=[Depends(services.access.requires(Role.INGEST))], response_class=Response)
    async def post_alerts(body: PostedBodies) -> Response:
        """Takes alerts that others found: a Prometheus may have the evaluator as its Alertmanager."""
        await services.alerts.external_alerts.post([_posted(alert) for alert in body])
        return Response(status_code=HTTPStatus.OK)

    @routes.get("/alerts/groups", dependencies=[viewer], response_model=list[Json])
    async def get_alert_groups(chosen: Annotated[Chosen, Query()]) -> Response:
        """The alerts that fire, as one group for each receiver that is told of any."""
        alerts, now = await _chosen_alerts(services, chosen), services.clock.now()
        receivers = services.receivers
        names = [name for name in receivers.names if chosen.names(name)]
        return await services.answers.written(lambda: joined(_groups(names, alerts, now, receivers)))


def _add_silences(routes: APIRouter, services: Services) -> None:
    viewer, editor = Depends(services.access.requires(Role.VIEWER)), services.access.requires(Role.EDITOR)

    @routes.get("/silences", dependencies=[viewer], response_model=list[Json])
    async def get_silences(filter: Filters = None) -> Response:  # noqa: A002 # Alertmanager's name
        """Silences, expired ones too."""
        matchers, now = parse_filter(filter or ()), services.clock.now()
        silences = await those_that_match(matchers, services.alerts.muting.silences(), _as_labels)
        return await services.answers.written(lambda: array(as_json(_silence(silence, now)) for silence in silences))

    @routes.post("/silences")
    async def post_silence(body: SilenceBody, caller: Annotated[Caller, Depends(editor)]) -> Json:
        """Makes a silence, or changes the one with that id."""
        silence = await services.alerts.muting.put(_silence_of(body), caller)
        return {"silenceID": silence.id}

    @routes.get("/silence/{silence_id}", dependencies=[viewer])
    async def get_silence(silence_id: str) -> Json:
        """One silence."""
        return _silence(services.alerts.muting.silence(silence_id), services.clock.now())

    @routes.delete("/silence/{silence_id}", response_class=Response)
    async def delete_silence(silence_id: str, caller: Annotated[Caller, Depends(editor)]) -> Response:
        """Ends a silence now."""
        await services.alerts.muting.expire(silence_id, caller)
        return Response(status_code=HTTPStatus.OK)


async def _chosen_alerts(services: Services, chosen: Chosen) -> list[AlertView]:
    matchers = parse_filter(chosen.filter)
    groups = await services.alerts.groups()
    own = [alert for group in groups for rule in group.rules for alert in rule.alerts]
    views = (*own, *await services.alerts.recovering_alerts(), *services.alerts.external_alerts.views())
    admitted = [
        view
        for view in views
        if view.alert.state is State.FIRING
        and chosen.admits(view)
        and (chosen.receiver is None or any(map(chosen.names, services.receivers.of(view.alert.labels))))
    ]
    return await those_that_match(matchers, admitted, _labels_of)


def _groups(
    names: Sequence[str], alerts: Sequence[AlertView], now: float, receivers: Receivers
) -> Iterator[Iterator[bytes]]:
    for name in names:
        own = [view for view in alerts if name in receivers.of(view.alert.labels)]
        if own:
            around = {"labels": {}, "routeLabels": {}, "receiver": {"name": name}}
            fields: dict[str, Iterable[bytes]] = {key: (as_json(value),) for key, value in around.items()}
            yield obj({**fields, "alerts": array(_alert(view, now, receivers) for view in own)})


def _labels_of(view: AlertView) -> Mapping[str, str]:
    return dict(view.alert.labels)


def _as_labels(silence: Silence) -> Mapping[str, str]:
    """A silence's matchers, read as labels, as Alertmanager judges them by a filter."""
    return {matcher.name: matcher.value for matcher in silence.matchers}


def _silence_of(body: SilenceBody) -> Silence:
    return Silence(
        id=body.id,
        matchers=tuple(
            LabelMatcher(matcher.name, matcher.value, matcher.isRegex, matcher.isEqual) for matcher in body.matchers
        ),
        starts_at=body.startsAt.timestamp(),
        ends_at=body.endsAt.timestamp(),
        created_by=body.createdBy,
        comment=body.comment,
    )


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


def _alert(view: AlertView, now: float, receivers: Receivers) -> bytes:
    is_suppressed = bool(view.silenced_by or view.inhibited_by or view.maintained_by)
    return as_json(
        {
            "labels": dict(view.alert.labels),
            "annotations": dict(view.annotations),
            "startsAt": _moment(view.alert.fired_at or view.alert.active_at),
            "updatedAt": _moment(view.alert.proven_at),
            "endsAt": _moment(now + _AHEAD_S),
            "fingerprint": view.fingerprint,
            "receivers": [{"name": name} for name in receivers.of(view.alert.labels)],
            "status": {
                "state": "suppressed" if is_suppressed else "active",
                "silencedBy": list(view.silenced_by),
                "inhibitedBy": list(view.inhibited_by),
                "mutedBy": [f"maintenance:{name}" for name in view.maintained_by],
            },
        }
    )


def _silence(silence: Silence, now: float) -> Json:
    state: SilenceState = silence.state(now)
    return {
        "id": silence.id,
        "status": {"state": state.value},
        "matchers": [
            {
                "name": matcher.name,
                "value": matcher.value,
                "isRegex": matcher.is_regex,
                "isEqual": matcher.is_equal,
            }
            for matcher in silence.matchers
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
