"""A route that asks who calls before it reads what they send."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from lapbell_evaluator.api.access import RoleCheck

__all__ = ["GuardedRoute"]


class GuardedRoute(APIRoute):
    """FastAPI reads a body before it asks dependencies: a stranger's would hold a place for as long as it drips."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, behind the roles that the route's dependencies ask for."""
        handler = super().get_route_handler()
        checks = [dependency.call for dependency in self.dependant.dependencies]
        guards = [check for check in checks if isinstance(check, RoleCheck)]

        async def handle(request: Request) -> Response:
            for guard in guards:
                await guard(request)
            return await handler(request)

        return handle
