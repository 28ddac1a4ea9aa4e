"""The route of a request, as its app has left it in the ASGI scope."""

from collections.abc import MutableMapping
from typing import Any, Final, TypeAlias

__all__ = ["NATIVE_TELEMETRY", "Scope", "route_of"]

Scope: TypeAlias = MutableMapping[str, Any]

NATIVE_TELEMETRY: Final = "fastapi.telemetry"
"""FastAPI from 0.142 on keeps its telemetry here while it makes the SERVER span itself."""


def route_of(scope: Scope) -> str:
    """The route's template, which the router leaves in the scope; matching again would cost as much as routing did."""
    native = getattr(scope.get(NATIVE_TELEMETRY), "route", None)
    if native:
        return str(native)
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    if path is None and "endpoint" in scope:
        # Older Starlette leaves the endpoint alone.
        routes = getattr(scope.get("app"), "routes", ())
        paths = (
            getattr(route, "path_format", "")
            for route in routes
            if getattr(route, "endpoint", None) is scope["endpoint"]
        )
        path = next(paths, None)
    root = str(scope.get("root_path", "")).removesuffix("/")
    return f"{root}{path}" if path else ""
