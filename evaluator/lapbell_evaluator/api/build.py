"""The REST app, from what `app` brings."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute

from lapbell_evaluator.api import (
    alertmanager,
    errors,
    exemplars,
    health,
    history,
    performance,
    prometheus,
    self_metrics,
)
from lapbell_evaluator.api.access import Access, requires
from lapbell_evaluator.api.ask import Querier
from lapbell_evaluator.api.body import BoundedBody
from lapbell_evaluator.api.exemplars import Exemplars
from lapbell_evaluator.api.health import Readiness
from lapbell_evaluator.api.performance import AlertDesk
from lapbell_evaluator.api.self_metrics import Readings
from lapbell_evaluator.api.webhooks import Targets
from lapbell_evaluator.evidence import RecentTraces
from lapbell_evaluator.model import Clock, Role
from lapbell_evaluator.series import Metadata

__all__ = ["Neighbours", "openapi", "rest_app"]

_DESCRIPTION: Final = """\
Which phase of a webhook is slow, before the provider gives up on it.

Reading from this machine needs no token; what changes state needs `Authorization: Bearer <token>`."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Whom the REST gate asks."""

    querier: Querier
    desk: AlertDesk
    traces: RecentTraces
    exemplars: Exemplars
    readiness: Readiness
    readings: Readings
    metadata: Callable[[], Mapping[str, Metadata]]
    reload: Callable[[str], Awaitable[None]]
    access: Access
    clock: Clock
    targets: Callable[[], Targets]
    trace_url: str | None


def rest_app(neighbours: Neighbours, version: str) -> FastAPI:
    """The FastAPI app of the REST gate."""
    app = _app(version)
    for name in Neighbours.__slots__:
        setattr(app.state, name, getattr(neighbours, name))
    app.state.started_at = neighbours.clock.now()
    return app


def openapi(version: str) -> dict[str, Any]:
    """The OpenAPI document of the REST gate."""
    return _app(version).openapi()


def _app(version: str) -> FastAPI:
    app = FastAPI(
        title="lapbell",
        version=version,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=_operation,
    )
    app.add_middleware(BoundedBody)
    errors.install(app)
    app.include_router(performance.router)
    app.include_router(history.router)
    app.include_router(prometheus.router)
    app.include_router(exemplars.router)
    app.include_router(alertmanager.router)
    app.include_router(health.router)
    app.include_router(self_metrics.router)
    app.add_api_route("/openapi.json", _openapi, include_in_schema=False, dependencies=[Depends(requires(Role.VIEWER))])
    return app


async def _openapi(request: Request) -> dict[str, Any]:
    """This gate's own description."""
    app: FastAPI = request.app
    return app.openapi()


def _operation(route: APIRoute) -> str:
    return route.name
