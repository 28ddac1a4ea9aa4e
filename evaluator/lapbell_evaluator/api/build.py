"""The REST app, from what `app` brings."""

import json
from typing import Any, Final

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route
from starlette.types import ASGIApp

from lapbell_evaluator.api import (
    acknowledge,
    alertmanager,
    alerts,
    dead_letters,
    errors,
    exemplars,
    health,
    history,
    maintenance,
    prometheus,
    runbooks,
    self_metrics,
    summaries,
    traces,
)
from lapbell_evaluator.api.access import Access
from lapbell_evaluator.api.body import BoundedBody
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.api.hang_up import EndsWithItsClient
from lapbell_evaluator.api.security_headers import SecurityHeaders
from lapbell_evaluator.api.services import Services
from lapbell_evaluator.api.turnstile import Turnstile
from lapbell_evaluator.model import Role, Tokens
from lapbell_evaluator.server import Shares

__all__ = ["documented_app", "gate", "openapi", "rest_app"]

_WRITE: Final = "/api/v1/write"
_DESCRIPTION: Final = """\
Which phase of a webhook is slow, before the provider gives up on it.

Reading from this machine needs no token; what changes state needs `Authorization: Bearer <token>`."""


def rest_app(services: Services, write: ASGIApp) -> FastAPI:
    """The FastAPI app of the REST gate.

    Args:
        services: its neighbours.
        write: answers remote write; it judges its senders itself.
    """
    app = FastAPI(
        title="lapbell",
        version=services.version,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        generate_unique_id_function=_operation,
    )
    app.add_middleware(EndsWithItsClient)
    app.add_middleware(BoundedBody, pace=services.pace)
    app.router.route_class = GuardedRoute
    errors.install(app)
    app.include_router(summaries.router(services))
    app.include_router(alerts.router(services))
    app.include_router(traces.router(services))
    app.include_router(dead_letters.router(services))
    app.include_router(maintenance.router(services))
    app.include_router(history.router(services))
    app.include_router(prometheus.router(services))
    app.include_router(exemplars.router(services))
    app.include_router(alertmanager.router(services))
    app.include_router(acknowledge.router(services))
    app.include_router(runbooks.router(services))
    app.include_router(health.router(services))
    app.include_router(self_metrics.router(services))

    app.router.routes.append(Route(_WRITE, write))

    async def description() -> dict[str, Any]:
        return app.openapi()

    viewer = Depends(services.access.requires(Role.VIEWER))
    app.add_api_route("/openapi.json", description, include_in_schema=False, dependencies=[viewer])
    return app


def gate(app: FastAPI, services: Services, requests: Shares) -> ASGIApp:
    """The REST gate as a port serves it.

    Args:
        app: of `rest_app`.
        services: the same as the app's.
        requests: how many may be under way; health is always answered, and remote write counts its own.
    """
    return SecurityHeaders(Turnstile(app, services.access, requests, health.PATHS | {_WRITE}))


def openapi(version: str) -> dict[str, Any]:
    """The OpenAPI document of the REST gate."""
    return documented_app(version).openapi()


def openapi_text(version: str) -> str:
    """The same as JSON, with its keys in order."""
    return f"{json.dumps(openapi(version), indent=2, sort_keys=True)}\n"


def documented_app(version: str) -> FastAPI:
    """The routes without an evaluator behind them, to be described and inspected; a request would fail."""
    nothing: Any = None  # a document is made of routes and their types, none of which is called
    return rest_app(
        Services(
            version=version,
            started_at=0.0,
            access=Access(Tokens(()), allow_loopback=False),
            clock=nothing,
            querier=nothing,
            answers=nothing,
            alerts=nothing,
            dead_letters=nothing,
            links=nothing,
            traces=nothing,
            trace_library=nothing,
            exemplars=nothing,
            metadata=nothing,
            readiness=nothing,
            readings=nothing,
            reload=nothing,
            targets=nothing,
            trace_url=None,
        ),
        nothing,
    )


def _operation(route: APIRoute) -> str:
    return route.name
