"""The seed's summaries: `/api/performance/…` of webhooks, Redis, queues, and all of them at once."""

from typing import Annotated

from fastapi import APIRouter, Depends

from lapbell_evaluator.api.alert_schemas import AlertCounts
from lapbell_evaluator.api.ask import Ask
from lapbell_evaluator.api.errors import PROBLEM, Problem
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.incidents import active_incidents
from lapbell_evaluator.api.parameters import only_known_parameters
from lapbell_evaluator.api.queues import task_queue
from lapbell_evaluator.api.recent import recent_operations, recent_timings
from lapbell_evaluator.api.redis import redis_operations
from lapbell_evaluator.api.schemas import Body, RedisOperations, Span, TaskQueue, WebhookTiming
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.api.views import alert_counts
from lapbell_evaluator.api.webhook_view import WebhookView
from lapbell_evaluator.api.webhooks import webhook_timing
from lapbell_evaluator.api.window import Scope, ScopeQuery
from lapbell_evaluator.model import Role

__all__ = ["router"]


class Performance(Body):
    """All summaries at once."""

    window: Span
    webhooks: WebhookTiming
    redis: RedisOperations
    task_queue: TaskQueue
    alerts: AlertCounts


Asked = Annotated[ScopeQuery, Depends()]
Viewed = Annotated[WebhookView, Depends()]


def router(services: Services) -> APIRouter:
    """The routes of the summaries."""
    routes = APIRouter(
        route_class=GuardedRoute,
        prefix="/api/performance",
        tags=["performance"],
        responses={422: {"model": Problem}, "4XX": PROBLEM},
        dependencies=[Depends(services.access.requires(Role.VIEWER)), Depends(only_known_parameters)],
    )

    @routes.get("/webhook-timing")
    async def get_webhook_timing(parameters: Asked, view: Viewed) -> WebhookTiming:
        """Percentiles, compliance with target and requirement, and time per phase, which adds up to the total."""
        return await _webhook_timing(services, parameters.scope(services.clock.now()), view)

    @routes.get("/redis-operations")
    async def get_redis_operations(parameters: Asked) -> RedisOperations:
        """Success and latency by command, connection pools, circuit breakers and their trips."""
        return await _redis_operations(services, parameters.scope(services.clock.now()))

    @routes.get("/task-queue")
    async def get_task_queue(parameters: Asked) -> TaskQueue:
        """Depth by priority, workers, processing time and whether there is backpressure, with its reasons."""
        return await task_queue(Ask(services.querier, parameters.scope(services.clock.now())))

    @routes.get("/summary")
    async def get_summary(parameters: Asked, view: Viewed) -> Performance:
        """Everything above in one answer; provider, route and type of event choose webhooks alone."""
        scope = parameters.scope(services.clock.now())
        active = await active_incidents(services.alerts, scope)
        return Performance(
            window=Span(start=scope.start, end=scope.end),
            webhooks=await _webhook_timing(services, scope, view),
            redis=await _redis_operations(services, scope),
            task_queue=await task_queue(Ask(services.querier, scope)),
            alerts=alert_counts(active, await services.alerts.storms(active)),
        )

    return routes


async def _webhook_timing(services: Services, scope: Scope, view: WebhookView) -> WebhookTiming:
    recent = recent_timings(services.traces, scope, services.trace_url, view)
    return await webhook_timing(Ask(services.querier, scope, view.variables), services.targets(), recent, view)


async def _redis_operations(services: Services, scope: Scope) -> RedisOperations:
    return await redis_operations(Ask(services.querier, scope), recent_operations(services.traces, scope))
