"""The seed's endpoints: `/api/performance/…`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Depends, Path, Request

from lapbell_evaluator.alerts import UnknownIncidentError
from lapbell_evaluator.api.access import Caller, may_resolve, requires
from lapbell_evaluator.api.alert_schemas import (
    Acknowledgement,
    AlertCounts,
    AlertDetail,
    AlertList,
    AlertView,
    Resolution,
)
from lapbell_evaluator.api.ask import Ask, Querier
from lapbell_evaluator.api.errors import PROBLEM, ApiError, Problem
from lapbell_evaluator.api.queues import task_queue
from lapbell_evaluator.api.recent import recent_operations, recent_timings
from lapbell_evaluator.api.redis import redis_operations
from lapbell_evaluator.api.schemas import Body, RedisOperations, Span, TaskQueue, WebhookTiming
from lapbell_evaluator.api.views import alert_counts, alert_detail, alert_view, storm_view
from lapbell_evaluator.api.webhooks import webhook_timing
from lapbell_evaluator.api.window import Scope, scope
from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.model import HistoryQuery, IncidentView, Page, Role, Storm, Transition

__all__ = ["AlertDesk", "router"]


class Performance(Body):
    """All summaries at once."""

    window: Span
    webhooks: WebhookTiming
    redis: RedisOperations
    task_queue: TaskQueue
    alerts: AlertCounts


class AlertDesk(Protocol):
    """What people may ask and do about alerts."""

    async def incidents(self) -> Sequence[IncidentView]:
        """Incidents that are not over, the worst first."""
        ...

    async def storms(self, among: Sequence[IncidentView]) -> Sequence[Storm]:
        """The storms that go on, the worst first, as far as these incidents tell them."""
        ...

    async def resolved(self, limit: int = 100) -> Sequence[IncidentView]:
        """The incidents that were resolved last, the newest first."""
        ...

    async def incident(self, key: str) -> IncidentView:
        """The open incident of a key, or the one resolved last; raises UnknownIncidentError if there is none."""
        ...

    async def with_deliveries(self, views: Sequence[IncidentView]) -> Sequence[IncidentView]:
        """The same incidents, with what became of their notices."""
        ...

    async def history(self, wanted: HistoryQuery) -> Page[Transition]:
        """A page of the transitions that are wanted, the newest first."""
        ...

    async def resolve(self, key: str, by: str, why: str) -> IncidentView:
        """Resolves by hand; raises UnknownIncidentError if no incident of that key fires."""
        ...

    async def acknowledge(self, key: str, by: str, why: str) -> IncidentView:
        """Takes an incident; raises UnknownIncidentError if no incident of that key is open."""
        ...


_RESOLVED_LOOKED_AT: Final = 1000
_RESOLVED_SHOWN: Final = 100
_MOVES_SHOWN: Final = 1000

router = APIRouter(
    prefix="/api/performance",
    tags=["performance"],
    responses={422: {"model": Problem}, "4XX": PROBLEM},
)
InScope = Annotated[Scope, Depends(scope)]
Viewer = Depends(requires(Role.VIEWER))


@router.get("/webhook-timing", dependencies=[Viewer])
async def get_webhook_timing(request: Request, within: InScope) -> WebhookTiming:
    """Percentiles, compliance with target and requirement, and time per phase, which adds up to the total."""
    summary = await webhook_timing(_ask(request, within), request.app.state.targets())
    traces: RecentTraces = request.app.state.traces
    timings = recent_timings(traces, within, request.app.state.trace_url)
    return summary.model_copy(update={"recent_timings": timings})


@router.get("/redis-operations", dependencies=[Viewer])
async def get_redis_operations(request: Request, within: InScope) -> RedisOperations:
    """Success and latency by command, circuit breakers and their trips."""
    summary = await redis_operations(_ask(request, within))
    traces: RecentTraces = request.app.state.traces
    return summary.model_copy(update={"recent_operations": recent_operations(traces, within)})


@router.get("/task-queue", dependencies=[Viewer])
async def get_task_queue(request: Request, within: InScope) -> TaskQueue:
    """Depth by priority, workers, processing time and whether there is backpressure, with its reasons."""
    return await task_queue(_ask(request, within))


@router.get("/alerts", dependencies=[Viewer])
async def get_alerts(request: Request, within: InScope) -> AlertList:
    """Active incidents with the phase to blame and the traces that prove it, storms, and what was resolved of late."""
    desk: AlertDesk = request.app.state.desk
    active = await _active(request, within)
    storms = await desk.storms(active)
    resolved = [each for each in await desk.resolved(_RESOLVED_LOOKED_AT) if _was_resolved(each, within)]
    told = await desk.with_deliveries((*active, *resolved[:_RESOLVED_SHOWN]))
    return AlertList(
        window=Span(start=within.start, end=within.end),
        summary=alert_counts(active, storms),
        alerts=[_view(request, each) for each in told[: len(active)]],
        recently_resolved=[_view(request, each) for each in told[len(active) :]],
        storms=[storm_view(each) for each in storms],
    )


@router.get("/summary", dependencies=[Viewer])
async def get_summary(request: Request, within: InScope) -> Performance:
    """Everything above in one answer."""
    desk: AlertDesk = request.app.state.desk
    active = await _active(request, within)
    return Performance(
        window=Span(start=within.start, end=within.end),
        webhooks=await get_webhook_timing(request, within),
        redis=await get_redis_operations(request, within),
        task_queue=await get_task_queue(request, within),
        alerts=alert_counts(active, await desk.storms(active)),
    )


Key = Annotated[str, Path(description="The incident's `alert_key`: 16 hex digits.", pattern="^[0-9a-f]{16}$")]


@router.get("/alerts/{alert_key}", dependencies=[Viewer], responses={404: {"model": Problem}})
async def get_alert(request: Request, alert_key: Key) -> AlertDetail:
    """One incident, the open one of the key or the last resolved, with its moves, its timeline and its deliveries."""
    desk: AlertDesk = request.app.state.desk
    try:
        (view,) = await desk.with_deliveries([await desk.incident(alert_key)])
    except UnknownIncidentError as error:
        raise ApiError(HTTPStatus.NOT_FOUND, "no_such_alert", error.message, error.remedy) from None
    own = HistoryQuery(alert_key, fits=lambda each: each.incident.id == view.incident.id, limit=_MOVES_SHOWN)
    moves = (await desk.history(own)).items[::-1]
    return alert_detail(view, moves, request.app.state.trace_url)


@router.post("/alerts/{alert_key}/resolve", responses={404: {"model": Problem}})
async def resolve_alert(
    request: Request, alert_key: Key, body: Resolution, caller: Annotated[Caller, Depends(may_resolve)]
) -> AlertView:
    """Resolves an incident by hand: it stays quiet until its condition clears and returns, or worsens."""
    desk: AlertDesk = request.app.state.desk
    try:
        return await _told(request, await desk.resolve(alert_key, _actor(body, caller), body.reason))
    except UnknownIncidentError:
        raise _no_such_alert(alert_key, "firing") from None


@router.post("/alerts/{alert_key}/acknowledge", responses={404: {"model": Problem}})
async def acknowledge_alert(
    request: Request, alert_key: Key, body: Acknowledgement, caller: Annotated[Caller, Depends(requires(Role.EDITOR))]
) -> AlertView:
    """Takes an incident: repeats stop, its resolved message still comes."""
    desk: AlertDesk = request.app.state.desk
    try:
        return await _told(request, await desk.acknowledge(alert_key, _actor(body, caller), body.reason))
    except UnknownIncidentError:
        raise _no_such_alert(alert_key) from None


def _ask(request: Request, within: Scope) -> Ask:
    querier: Querier = request.app.state.querier
    return Ask(querier, within)


def _view(request: Request, incident: IncidentView) -> AlertView:
    trace_url: str | None = request.app.state.trace_url
    return alert_view(incident, trace_url)


async def _told(request: Request, incident: IncidentView) -> AlertView:
    desk: AlertDesk = request.app.state.desk
    (whole,) = await desk.with_deliveries([incident])
    return _view(request, whole)


async def _active(request: Request, within: Scope) -> list[IncidentView]:
    """Incidents of the scope's service that are not over and were there before its end."""
    desk: AlertDesk = request.app.state.desk
    found = await desk.incidents()
    return [each for each in found if _is_of(each, within) and each.incident.opened_at <= within.end]


def _was_resolved(view: IncidentView, within: Scope) -> bool:
    resolved_at = view.incident.resolved_at
    return resolved_at is not None and within.start <= resolved_at <= within.end and _is_of(view, within)


def _actor(body: Acknowledgement, caller: Caller) -> str:
    """Who acts: the name that is claimed, and always the role that was proven."""
    return f"{body.by} ({caller})" if body.by else caller


def _is_of(view: IncidentView, within: Scope) -> bool:
    """Whether an incident is of the scope's service; one of a queue or of the evaluator is of every service."""
    job = dict(view.incident.labels).get("job")
    return job is None or within.is_of(job)


def _no_such_alert(alert_key: str, state: str = "active") -> ApiError:
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "no_such_alert",
        f"No {state} alert has the key {alert_key}.",
        "`lapbell alerts list` and GET /api/performance/alerts list the keys, each with its state.",
    )
